package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// quickReleases lets a release be approved within seconds and be watched for one.
func quickReleases(s *system.System) {
	s.Releases.Watch.Duration, s.Releases.Watch.Every = system.Duration(2*time.Second), system.Duration(500*time.Millisecond)
	if i := slices.IndexFunc(s.Gates, func(g system.Gate) bool { return g.Runbook == "Release" }); i >= 0 {
		s.Gates[i].Deadline = system.Duration(8 * time.Second)
	}
}

// release starts the example's release with another image of web.
func (s *stage) release(ctx context.Context, digest string) error {
	file, err := scene.SystemFile()
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(file), "release.json"))
	if err != nil {
		return err
	}
	var in workflows.ReleaseInput
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	in.Parts[0].Digest = digest
	return s.start(ctx, "Release", in)
}

func released(image string, end runbook.State, acts ...act) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		return errors.Join(s.release(ctx, sandbox.Digest("gzs/web", image)), s.play(ctx, acts...), s.ended(ctx, end))
	}
}

var releaseApproved = act{"release", runbook.Approve, "sato"}

// releases' takes leave everything as it was, but for the last two.
var releases = []take{
	{"findings", released(sandbox.ImageVulnerable, runbook.Failed)},
	{"reject", released(sandbox.ImageNext, runbook.Failed, act{"release", runbook.Reject, "sato"})},
	{"expire", released(sandbox.ImageNext, runbook.Failed)},
	{"digest-differs", released(sandbox.ImageSick, runbook.Failed, releaseApproved)},
	{"watch-fails", released(sandbox.ImageFaulty, runbook.Failed, releaseApproved)},
	{"rollback-by-person", released(sandbox.ImageNext, runbook.Failed, releaseApproved, act{"watch", runbook.Rollback, "kato"})},
	{"exception", func(ctx context.Context, s *stage) error {
		digest := "sha256:" + strings.Repeat("5", 64)
		err := s.Sandbox.PushImage(sandbox.Image{Repository: "gzs/web", Digest: digest, Scanned: true, Findings: []sandbox.Finding{{Name: "CVE-2026-20001", Severity: "HIGH"}}})
		return errors.Join(err, s.release(ctx, digest), s.play(ctx, releaseApproved), s.ended(ctx, runbook.Done))
	}},
	{"approve", released(sandbox.ImageNext, runbook.Done, releaseApproved)},
}
