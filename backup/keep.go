package backup

import (
	"context"
	"fmt"
	"time"
)

// Keep says which backups stay: the last ones, and the newest of each day, week and month, in UTC. The zero value keeps all.
type Keep struct{ Last, Days, Weeks, Months int }

// All reports whether nothing is removed.
func (k Keep) All() bool { return k == Keep{} }

// Split returns which of the backups stay, and which are to be removed. They are sorted, the newest first, which always stays.
func (k Keep) Split(records []Record) (stay, remove []Record) {
	if k.All() {
		return records, nil
	}
	periods := []struct {
		left int
		of   func(time.Time) string
		last string
	}{
		{k.Days, func(t time.Time) string { return t.Format(time.DateOnly) }, ""},
		{k.Weeks, func(t time.Time) string {
			year, week := t.ISOWeek()
			return fmt.Sprint(year, " ", week)
		}, ""},
		{k.Months, func(t time.Time) string { return t.Format("2006-01") }, ""},
	}
	for i, r := range records {
		stays := i == 0 || i < k.Last
		for p := range periods {
			if name := periods[p].of(r.Time.UTC()); periods[p].left > 0 && name != periods[p].last {
				periods[p].left--
				periods[p].last, stays = name, true
			}
		}
		if stays {
			stay = append(stay, r)
		} else {
			remove = append(remove, r)
		}
	}
	return stay, remove
}

// unfinished is the age from which a dump without a record is one whose backup has failed, and not one under way.
const unfinished = 24 * time.Hour

// Prune removes what a Keep does not keep, and dumps without a record that are more than a day older than the newest backup. A record goes
// before its dump, so that none is left without it. It returns the names of the dumps that are gone, also with an error.
func Prune(ctx context.Context, s Store, k Keep) (removed []string, err error) {
	if k.All() {
		return nil, nil
	}
	files, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	records, _, err := recorded(ctx, s, files)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	_, old := k.Split(records)
	for _, r := range old {
		for _, name := range []string{r.Time.UTC().Format(stamp) + recordSuffix, r.File} {
			if err := s.Remove(ctx, name); err != nil {
				return removed, fmt.Errorf("cannot remove %s of %s: %w", name, s, err)
			}
		}
		removed = append(removed, r.File)
	}
	there := map[string]bool{}
	for _, f := range files {
		there[f.Name] = true
	}
	for _, f := range files {
		began, ok := begun(f.Name)
		base := began.Format(stamp)
		if !ok || f.Name != base+dumpSuffix && f.Name != base+sealedSuffix || there[base+recordSuffix] || records[0].Time.Sub(began) < unfinished {
			continue
		}
		if err := s.Remove(ctx, f.Name); err != nil {
			return removed, fmt.Errorf("cannot remove %s of %s: %w", f.Name, s, err)
		}
		removed = append(removed, f.Name)
	}
	return removed, nil
}
