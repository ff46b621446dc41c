package records

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// hold is a reservation from and until so many hours after noon.
func hold(resource, workflowID string, from, until int) Reservation {
	return Reservation{Resource: resource, WorkflowID: workflowID, Runbook: "PlannedOutage", Requester: "sato",
		From: noon.Add(time.Duration(from) * time.Hour), Until: noon.Add(time.Duration(until) * time.Hour)}
}

func mustReserve(t *testing.T, s *Store, list ...Reservation) {
	t.Helper()
	conflict, err := s.ReserveAll(t.Context(), list)
	require.NoError(t, err)
	require.Nil(t, conflict)
}

func TestOverlappingReservationsExcludeEachOther(t *testing.T) {
	s := openStore(t)
	r, a, b := t.Name(), t.Name()+"-a", t.Name()+"-b"
	mustReserve(t, s, hold(r, a, 2, 4))
	for _, overlap := range [][2]int{{2, 4}, {1, 3}, {3, 5}, {1, 5}, {3, 4}, {2, 3}} {
		conflict, err := s.Reserve(t.Context(), hold(r, b, overlap[0], overlap[1]))
		require.NoError(t, err)
		require.NotNil(t, conflict, overlap)
		assert.Equal(t, hold(r, a, 2, 4), *conflict)
	}
	mustReserve(t, s, hold(r, b, 0, 2))     // until is not included
	mustReserve(t, s, hold(r, b, 4, 6))     // its own reservation moves
	mustReserve(t, s, hold(r+"2", b, 2, 4)) // another resource
	mine, err := s.Reservations(t.Context(), b)
	require.NoError(t, err)
	assert.Equal(t, []Reservation{hold(r, b, 4, 6), hold(r+"2", b, 2, 4)}, mine)

	conflict, err := s.Reserve(t.Context(), hold(r, a, 2, 5))
	require.NoError(t, err)
	require.NotNil(t, conflict, "an extension may be in the way of the next")
	assert.Equal(t, b, conflict.WorkflowID)
	mine, err = s.Reservations(t.Context(), a)
	require.NoError(t, err)
	assert.Equal(t, []Reservation{hold(r, a, 2, 4)}, mine, "and then nothing changes")

	require.NoError(t, s.Release(t.Context(), b))
	require.NoError(t, s.Release(t.Context(), b), "nothing held is no error")
	mustReserve(t, s, hold(r, a, 2, 5))
}

func TestSeveralResourcesAreTakenTogetherOrNotAtAll(t *testing.T) {
	s := openStore(t)
	x, y, z := t.Name()+"-x", t.Name()+"-y", t.Name()+"-z"
	mustReserve(t, s, hold(y, t.Name()+"-a", 0, 2))
	conflict, err := s.ReserveAll(t.Context(), []Reservation{hold(z, t.Name()+"-b", 1, 3), hold(y, t.Name()+"-b", 1, 3), hold(x, t.Name()+"-b", 1, 3)})
	require.NoError(t, err)
	require.NotNil(t, conflict)
	assert.Equal(t, y, conflict.Resource)
	none, err := s.Reservations(t.Context(), t.Name()+"-b")
	require.NoError(t, err)
	assert.Empty(t, none)
	mustReserve(t, s) // nothing asked for
}

func TestUnusableReservationsAreRefused(t *testing.T) {
	s := openStore(t)
	ok := hold(t.Name(), t.Name(), 0, 1)
	for want, list := range map[string][]Reservation{
		"resource is missing":    {hold("", "w", 0, 1)},
		"workflowId is missing":  {hold("r", "", 0, 1)},
		"must be after from":     {hold("r", "w", 1, 1)},
		"no hold is endless":     {{Resource: "r", WorkflowID: "w", From: noon}},
		"stands twice":           {ok, ok},
		"is for another run":     {ok, hold("r2", "other", 0, 1)},
		"runbook contains a NUL": {{Resource: "r", WorkflowID: "w", Runbook: "\x00", From: noon, Until: noon.Add(1000)}},
	} {
		_, err := s.ReserveAll(t.Context(), list)
		assert.ErrorContains(t, err, want)
	}
}

func TestAllReservationsShowsWhatIsHeldAndToCome(t *testing.T) {
	dsn := newDatabase(t)
	s := openDSN(t, dsn)
	require.NoError(t, s.Migrate(t.Context()))
	mustReserve(t, s, hold("later", "a", 5, 6))
	mustReserve(t, s, hold("now", "b", 0, 2))
	mustReserve(t, s, hold("over", "c", -3, 0))
	list, err := s.AllReservations(t.Context(), noon)
	require.NoError(t, err)
	assert.Equal(t, []Reservation{hold("now", "b", 0, 2), hold("later", "a", 5, 6)}, list)
	list, err = s.AllReservations(t.Context(), time.Time{})
	require.NoError(t, err)
	assert.Len(t, list, 3)
}

func TestConcurrentReservationsNeverOverlapAndNeverDeadlock(t *testing.T) {
	s := openStore(t)
	resources := []string{t.Name() + "-1", t.Name() + "-2", t.Name() + "-3", t.Name() + "-4"}
	var wg sync.WaitGroup
	for w := range 12 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			workflow := fmt.Sprintf("%s-%d", t.Name(), w)
			for range 30 {
				from := random.IntN(20)
				var list []Reservation
				for _, i := range random.Perm(4)[:1+random.IntN(4)] {
					list = append(list, hold(resources[i], workflow, from, from+1+random.IntN(5)))
				}
				_, err := s.ReserveAll(t.Context(), list)
				assert.NoError(t, err)
				if random.IntN(3) == 0 {
					assert.NoError(t, s.Release(t.Context(), workflow))
				}
			}
		})
	}
	wg.Wait()
	all, err := s.AllReservations(t.Context(), time.Time{})
	require.NoError(t, err)
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Resource == b.Resource && slices.Contains(resources, a.Resource) {
				assert.False(t, a.From.Before(b.Until) && b.From.Before(a.Until), "%v and %v overlap", a, b)
			}
		}
	}
}

func TestARunThatNeverReleasedStillHolds(t *testing.T) {
	s := openStore(t)
	r, over, next, mine := t.Name(), t.Name()+"-over", t.Name()+"-next", t.Name()+"-mine"
	mustReserve(t, s, hold(r, over, -3, -1)) // its time is over, it has not released
	mustReserve(t, s, hold(r, next, 5, 6))   // has not begun
	mustReserve(t, s, hold(r, mine, 0, 1))
	mustReserve(t, s, hold(r+"2", over, -3, -1)) // not asked about
	held, err := s.StillHeld(t.Context(), mine, []string{r}, noon)
	require.NoError(t, err)
	assert.Equal(t, []Reservation{hold(r, over, -3, -1)}, held)
	require.NoError(t, s.Release(t.Context(), over))
	held, err = s.StillHeld(t.Context(), mine, []string{r}, noon)
	require.NoError(t, err)
	assert.Empty(t, held)
}

func TestOfTwoLateRunsTheEarlierGoesFirst(t *testing.T) {
	s := openStore(t)
	r, noon := t.Name(), time.Date(2027, 1, 18, 12, 0, 0, 0, time.UTC)
	for i, run := range []string{"first", "second"} {
		from := noon.Add(time.Duration(i) * time.Hour)
		conflict, err := s.Reserve(t.Context(), Reservation{Resource: r, WorkflowID: run + r, Runbook: "b", Requester: "q", From: from, Until: from.Add(30 * time.Minute)})
		require.NoError(t, err)
		require.Nil(t, conflict)
	}
	late := noon.Add(3 * time.Hour)
	before, err := s.StillHeld(t.Context(), "first"+r, []string{r}, late)
	require.NoError(t, err)
	require.Empty(t, before, "it waits for nobody who comes after it")
	before, err = s.StillHeld(t.Context(), "second"+r, []string{r}, late)
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.Equal(t, "first"+r, before[0].WorkflowID)
}
