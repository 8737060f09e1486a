package render

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurns(t *testing.T) {
	t.Run("a long wait is no fault of who waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ts := newTurns()
			for range 50 {
				go func() {
					own, err := ts.begin(t.Context(), time.Second)
					if err != nil {
						t.Error(err)
						return
					}
					defer own.end()
					time.Sleep(900 * time.Millisecond)
				}()
			}
			time.Sleep(time.Minute)
		})
	})
	t.Run("who was left behind keeps nobody for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ts := newTurns()
			endless, err := ts.begin(t.Context(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			results := make(chan error, 2)
			wait := func() {
				own, err := ts.begin(t.Context(), time.Second)
				if err == nil {
					own.end()
				}
				results <- err
			}
			go wait()
			time.Sleep(time.Hour)
			endless.leave()
			go wait()
			time.Sleep(2 * time.Second)
			for range 2 {
				if err := <-results; !errors.Is(err, errTooLong) {
					t.Errorf("got %v, want %v", err, errTooLong)
				}
			}
			endless.end()
			wait()
			if err := <-results; err != nil {
				t.Errorf("after its end: %v", err)
			}
		})
	})
	t.Run("what has ended is not left behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ts := newTurns()
			first, err := ts.begin(t.Context(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			first.end()
			second, err := ts.begin(t.Context(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			first.leave()
			waited := make(chan error, 1)
			go func() {
				third, err := ts.begin(t.Context(), time.Second)
				if err == nil {
					third.end()
				}
				waited <- err
			}()
			time.Sleep(time.Hour)
			second.end()
			if err := <-waited; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("a canceled run waits no longer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ts := newTurns()
			own, err := ts.begin(t.Context(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer own.end()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := ts.begin(ctx, time.Second); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	})
}
