package activities

import "slices"

// onlyDecides are the answers by which nobody has a hand in a run: somebody judges it, or says whether and for how long it goes on.
var onlyDecides = []string{"approve", "reject", "extend", "return", "resume", "severity"}

// HasHand tells whether whoever gives an answer has a hand in the run by it, and so approves neither that run nor one that it starts or
// that has started it. An answer that is not known counts as one.
func HasHand(answer string) bool { return !slices.Contains(onlyDecides, answer) }
