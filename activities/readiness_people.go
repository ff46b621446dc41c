package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"tejun/internal/readiness"
	"tejun/internal/system"
)

// CheckReadinessPeople looks whether the gates of a recovery could be passed, and whether mail reaches those who decide. When SES does
// not answer, the error holds what was found before.
func (a *Readiness) CheckReadinessPeople(ctx context.Context, in ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, err := disasterOf(a.system)
	if err != nil {
		return seen, err
	}
	declarers := a.declarers(&seen, s)
	for _, gate := range []string{"declare", "return"} {
		a.gate(&seen, s, in, gate, declarers)
	}
	account, err := a.mail.GetAccount(ctx, &sesv2.GetAccountInput{})
	switch {
	case err != nil:
		return seen, failSeen(seen, Classify(err, "read the state of SES"))
	case !account.SendingEnabled:
		seen.find("sending-off", "", map[string]string{"why": "sending is switched off"})
	case !account.ProductionAccessEnabled:
		seen.find("sending-off", "", map[string]string{"why": "the account is in the SES sandbox, which sends only to verified addresses"})
	}
	err = a.reachable(ctx, &seen, s)
	return seen, failSeen(seen, err)
}

// declarers are the IDs of those who may declare. One of them who could not is a finding.
func (a *Readiness) declarers(seen *ReadinessSeen, s *system.System) []string {
	gate, _ := s.Gate(recoveryRunbook, "declare") // the description is checked to have it
	able := eligible(s, gate.Role, gate.Organisation)
	var ids []string
	for _, d := range s.Disaster.Declare {
		p, known := s.Person(d.Person)
		var why string
		switch {
		case !known:
			why = "nobody of that name is among people"
		case !slices.Contains(able, p.ID):
			why = fmt.Sprintf("the gate declare takes the role %s of %s only", gate.Role, gate.Organisation)
		case p.Mail == "":
			why = "no mail address is known"
		default:
			ids = append(ids, p.ID)
			continue
		}
		seen.find("declarer-unfit", d.Person, map[string]string{"why": why})
	}
	return ids
}

// gate judges a gate as a run would at its start.
func (a *Readiness) gate(seen *ReadinessSeen, s *system.System, in ReadinessCheck, name string, declarers []string) {
	g, found := s.Gate(recoveryRunbook, name)
	able, why := []string{}, fmt.Sprintf("requester %s, operator %s", in.Requester, in.Operator)
	switch {
	case !found:
		g.Quorum, why = 1, "system.yaml has no such gate"
	case s.Environment == "production":
		why = "in production an approval must be signed with the approver's own key, and this edition takes no signed ones yet"
	default:
		able = eligible(s, g.Role, g.Organisation, in.Requester, in.Operator)
		if name == "declare" {
			able = slices.DeleteFunc(able, func(id string) bool { return !slices.Contains(declarers, id) })
		}
	}
	if len(able) < g.Quorum {
		seen.find("gate-impassable", recoveryRunbook+"/"+name, map[string]string{"need": strconv.Itoa(g.Quorum), "able": strconv.Itoa(len(able)), "why": why})
	}
}

// reachable looks whether SES has given up on an address of those who decide. It names the person or the list, not the address.
func (a *Readiness) reachable(ctx context.Context, seen *ReadinessSeen, s *system.System) error {
	type recipient struct{ about, address string }
	var all []recipient
	for _, d := range s.Disaster.Declare {
		if p, known := s.Person(d.Person); known && p.Mail != "" {
			all = append(all, recipient{p.ID, p.Mail})
		}
	}
	if list, known := s.List(s.Disaster.MailList); known {
		for i, address := range list.Addresses {
			all = append(all, recipient{fmt.Sprintf("%s[%d]", list.Name, i), address})
		}
	}
	for _, r := range all {
		out, err := a.mail.GetSuppressedDestination(ctx, &sesv2.GetSuppressedDestinationInput{EmailAddress: &r.address})
		var none *sestypes.NotFoundException
		switch {
		case errors.As(err, &none):
			continue // it is not on the list
		case err != nil:
			return Classify(err, "ask SES whether mail to "+r.about+" is suppressed")
		}
		d := out.SuppressedDestination
		seen.find("address-suppressed", r.about, map[string]string{"reason": string(d.Reason), "at": inJapan(aws.ToTime(d.LastUpdateTime))})
	}
	return nil
}
