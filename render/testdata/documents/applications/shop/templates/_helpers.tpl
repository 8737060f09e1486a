{{- define "labels" }}
app: {{ .Chart.Name }}
size: {{ .Values.redis.memory | quote }}
{{- end }}
