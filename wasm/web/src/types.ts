// What the Go core takes and gives; see wasm/*.go.

export interface RepoFile {
  path: string;
  text?: string;
  base64?: string;
}

export interface Problem {
  file?: string;
  line?: number;
  column?: number;
  path?: string;
  message: string;
  field?: string; // of the form
  suggestion?: string; // a value to use in place of the one that is wrong
}

export interface Opened {
  files: number;
  applications: { name: string; dir: string; kind: string; namespace: string }[];
  strict: boolean;
  operator: string;
  problems: Problem[];
  resources: string[] | null;
  deployments: string[] | null;
  profiles: string[] | null;
  program?: string; // the one to ask, when it is another than the one that answered
}

export interface ChangedFile {
  path: string;
  action: "create" | "update" | "remove" | "unchanged";
  old: string;
  new: string;
  diff?: string;
}

export interface Planned {
  id: string; // names exactly these changes
  plan: string;
  files: ChangedFile[];
  diff: string;
  commands: string[];
  conflicts: (Problem & { diff: string })[];
  notes: string[];
  next: string[];
  url: string;
  env: string[];
}

// Changes are what a repository is ahead of what was opened, or written last.
export interface Changes {
  files: ChangedFile[];
  patch: string;
  masked: string[]; // files whose part of the patch git apply rejects
  steps: string[]; // what undo takes back
}

export interface Related {
  file: string;
  line: number;
  column: number;
  message: string;
}

export interface Finding {
  rule: string;
  severity: "error" | "warning" | "info";
  message: string;
  file: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
  resource: { kind: string; namespace: string; name: string } | null;
  path: string[];
  related: Related[];
  fixable: boolean;
  fixSafe?: boolean; // proven safe; otherwise only suggested, for fixReason
  fixReason?: string;
  fix?: string;
  count?: number;
  suppressed?: { kind: string; reason: string };
}

export interface Report {
  soFar?: boolean; // a first sight, while the check goes on
  findings: Finding[];
  notices: Problem[];
  summary: { files: number; resources: number; errors: number; warnings: number; infos: number; suppressed: number };
}

export interface Linted {
  report: Report | null; // null when nothing was checked
  failures: Problem[];
}

export interface Fixed extends Linted {
  id: string; // names exactly these changes
  done: number;
  left: { rule: string; file: string; line: number; reason: string }[]; // findings whose fix was not made
  files: ChangedFile[];
  diff: string;
}

export interface Rule {
  rule: string;
  title: string;
  severity: string;
  strict: string;
  description: string;
  remediation: string;
  fix: string;
  references: string[];
}

export interface Instance {
  name: string;
  namespace: string;
  application: string;
  operator: string;
  version: string;
  kind: string;
  where: string;
  replicas: number;
  cluster?: boolean;
  tls?: boolean;
  write?: { service: string; host: string; port: number };
  read?: { service: string; host: string; port: number };
  sentinel?: { service: string; host: string; port: number; master: string; hosts: string[] };
  auth?: { secret: string; key: string };
  notes?: string[];
  memory: string;
  watchers: number;
  persistence: string;
  clients: Record<string, string>;
  sentinels: Record<string, string>;
  usedBy: { kind: string; name: string; namespace: string; file: string }[];
}

export interface Found {
  instances: Instance[];
  operators: { operator: string; raw: string; where: string }[];
  problems: Problem[];
}

export interface Answer {
  question: string;
  verdict?: "yes" | "partly" | "no" | "unknown"; // none of what is no loss
  text: string;
  field?: string; // that decides it
  file?: string;
  line?: number;
  improve?: string;
}

export interface Assessed {
  questions: { name: string; title: string }[];
  instances: {
    kind: string;
    namespace: string;
    name: string;
    application: string;
    operator: string;
    assessed: boolean;
    answers: Answer[];
  }[];
  problems: Problem[];
}
