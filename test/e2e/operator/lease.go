package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lease is that of the real operator: lockKey in operator/redisfailover/factory.go, in the namespace that getNamespace of
// cmd/redisoperator/main.go finds outside of a cluster; its times are those of kooper v2.4.0 controller/leaderelection.
const (
	leaseName      = "redis-failover-lease"
	leaseNamespace = "default"
	leaseSeconds   = 15
	renewEvery     = 2 * time.Second
)

// lead renews the lease until ctx ends. Nobody else wants it here.
func (o *operator) lead(ctx context.Context) {
	for ctx.Err() == nil {
		if err := o.renew(ctx); err != nil && ctx.Err() == nil {
			slog.Error("lease", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(renewEvery):
		}
	}
}

func (o *operator) renew(ctx context.Context) error {
	leases := o.client.CoordinationV1().Leases(leaseNamespace)
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	now, seconds := metav1.NowMicro(), int32(leaseSeconds)
	spec := coordination.LeaseSpec{HolderIdentity: &host, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now}
	old, err := leases.Get(ctx, leaseName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Name: leaseName}, Spec: spec}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	spec.AcquireTime = old.Spec.AcquireTime
	old.Spec = spec
	_, err = leases.Update(ctx, old, metav1.UpdateOptions{})
	return err
}
