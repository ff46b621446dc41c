package system

import (
	"time"
)

// OutageRequest is what a requester asks for, in logical names.
type OutageRequest struct {
	Requester   string    `json:"requester"` // person ID or account
	Operator    string    `json:"operator"`  // person ID or account
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
	Services    []string  `json:"services"` // logical names
	NoticeClass string    `json:"noticeClass"`
	NoticeWhy   string    `json:"noticeWhy"`
}

// OutageTarget is what the request means on this system: AWS names, times and limits. It enters the history, so it
// holds no addresses of people and no secrets.
type OutageTarget struct {
	SystemID    string    `json:"systemId"`
	Environment string    `json:"environment"`
	Requester   string    `json:"requester"`  // person ID
	Operator    string    `json:"operator"`   // person ID
	AnnounceBy  time.Time `json:"announceBy"` // last moment at which the announcement keeps the notice
	NoticeList  string    `json:"noticeList"`
	GoNoGoAt    time.Time `json:"goNoGoAt"`
	LatestStart time.Time `json:"latestStart"`
	DecideAt    time.Time `json:"decideAt"`
	OverrunEnd  time.Time `json:"overrunEnd"` // window's end plus grace

	Distribution string          `json:"distribution"`
	Bucket       string          `json:"bucket"`
	PathPrefix   string          `json:"pathPrefix"`
	WebACLID     string          `json:"webAclId"`
	WebACLName   string          `json:"webAclName"`
	OperatorSet  string          `json:"operatorSet"` // IP set ID
	OperatorName string          `json:"operatorName"`
	RulePriority int32           `json:"rulePriority"`
	Cluster      string          `json:"cluster"`
	Services     []ServiceTarget `json:"services"`
	Database     string          `json:"database"`
	SnapshotStem string          `json:"snapshotStem"`
	Alarms       []string        `json:"alarms"`
	Jobs         []JobTarget     `json:"jobs"`
}

// ServiceTarget is an ECS service to stop.
type ServiceTarget struct {
	Name    string `json:"name"`
	Service string `json:"service"`
}

// JobTarget is an EventBridge Scheduler schedule to pause.
type JobTarget struct {
	Name     string `json:"name"`
	Group    string `json:"group"`
	Schedule string `json:"schedule"`
}
