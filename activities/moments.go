package activities

import (
	"context"
	"time"
)

// Moments are times as an input has them: RFC 3339, or terms that count from a moment, such as "+10bd 22:00".
type Moments struct {
	From  time.Time `json:"from"`
	Texts []string  `json:"texts"`
}

// MomentsResolved are the times that were meant, in the order of the texts.
type MomentsResolved struct {
	Times []time.Time `json:"times"`
}

// ResolveMoments turns the texts into times, in the system's zone and by its calendar. A text that means no time, or one
// in the past, is refused (Refused).
func (a *Directory) ResolveMoments(_ context.Context, in Moments) (MomentsResolved, error) {
	s, err := describe(a.system)
	if err != nil {
		return MomentsResolved{}, err
	}
	out := MomentsResolved{}
	for _, text := range in.Texts {
		t, err := s.Moment(text, in.From, a.calendar)
		if err != nil {
			return MomentsResolved{}, fail(Refused, "%v", err)
		}
		out.Times = append(out.Times, t)
	}
	return out, nil
}
