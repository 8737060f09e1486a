package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// writeLabels writes the labels that the pod began with, as the downward API has them. They are not kept up to date.
func (w *worker) writeLabels(dir string, items []v1.DownwardAPIVolumeFile) error {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(w.pod.Labels)) {
		fmt.Fprintf(&text, "%s=%q\n", key, w.pod.Labels[key])
	}
	for _, item := range items {
		if item.FieldRef == nil || item.FieldRef.FieldPath != "metadata.labels" {
			return fmt.Errorf("item %s: %w", item.Path, errUnsupported)
		}
		if err := writeFiles(dir, map[string][]byte{item.Path: []byte(text.String())}, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// project writes the token of the pod's ServiceAccount, which is not renewed, and keys of ConfigMaps.
func (w *worker) project(ctx context.Context, dir string, from v1.ProjectedVolumeSource) error {
	core := w.k.client.CoreV1()
	for _, s := range from.Sources {
		switch {
		case s.ServiceAccountToken != nil:
			request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: s.ServiceAccountToken.ExpirationSeconds}}
			token, err := core.ServiceAccounts(w.pod.Namespace).CreateToken(ctx, w.pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			if err := writeFiles(dir, map[string][]byte{s.ServiceAccountToken.Path: []byte(token.Status.Token)}, nil, from.DefaultMode); err != nil {
				return err
			}
		case s.ConfigMap != nil:
			m, err := core.ConfigMaps(w.pod.Namespace).Get(ctx, s.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			data := map[string][]byte{}
			for key, value := range m.Data {
				data[key] = []byte(value)
			}
			if err := writeFiles(dir, data, s.ConfigMap.Items, from.DefaultMode); err != nil {
				return err
			}
		default:
			return errUnsupported
		}
	}
	return nil
}
