package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// event records an event of the pod, or counts one up that says the same. Like those of a kubelet, it may get lost.
func (w *worker) event(kind, reason, message string) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.record(ctx, kind, reason, message); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) && !apierrors.IsConflict(err) {
			slog.Info("event", "pod", w.name(), "reason", reason, "error", err)
		}
	}()
}

func (w *worker) record(ctx context.Context, kind, reason, message string) error {
	events := w.k.client.CoreV1().Events(w.pod.Namespace)
	name := fmt.Sprintf("%s.%x", w.pod.Name, sha256.Sum256([]byte(string(w.pod.UID)+reason+message)))[:len(w.pod.Name)+17]
	now := metav1.Now()
	old, err := events.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		old.Count, old.LastTimestamp = old.Count+1, now
		_, err = events.Update(ctx, old, metav1.UpdateOptions{})
		return err
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	_, err = events.Create(ctx, &v1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: w.pod.Namespace},
		InvolvedObject: v1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: w.pod.Namespace, Name: w.pod.Name, UID: w.pod.UID},
		Reason:         reason, Message: message, Type: kind, Count: 1, FirstTimestamp: now, LastTimestamp: now,
		Source: v1.EventSource{Component: "kubelet", Host: w.k.node},
	}, metav1.CreateOptions{})
	return err
}
