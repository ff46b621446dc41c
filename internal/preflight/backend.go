package preflight

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"tejun/internal/system"
)

// services: the cluster and each service are there and active.
func (c *checker) services(ctx context.Context) {
	const area = "ecs"
	cluster := c.sys.ECS.Cluster
	client := ecs.NewFromConfig(c.cfg)
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	clusters, err := client.DescribeClusters(call, &ecs.DescribeClustersInput{Clusters: []string{cluster}})
	if err != nil {
		c.failed(err, area, cluster, "ecs:DescribeClusters")
		return
	}
	if len(clusters.Clusters) == 0 || aws.ToString(clusters.Clusters[0].Status) != "ACTIVE" {
		c.bad(Missing, area, cluster, "there is no active cluster of this name", "create it, or mend ecs.cluster")
		return
	}
	c.ok(area, cluster)
	for batch := range slices.Chunk(c.sys.ECS.Services, 10) { // DescribeServices takes ten
		c.serviceBatch(ctx, client, serviceNames(batch))
	}
}

func (c *checker) serviceBatch(ctx context.Context, client *ecs.Client, names []string) {
	const area = "ecs"
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &c.sys.ECS.Cluster, Services: names})
	if err != nil {
		c.failed(err, area, strings.Join(names, ", "), "ecs:DescribeServices")
		return
	}
	status := map[string]string{}
	for _, s := range out.Services {
		status[aws.ToString(s.ServiceName)] = aws.ToString(s.Status)
	}
	for _, name := range names {
		switch status[name] {
		case "ACTIVE":
			c.ok(area, name)
		case "":
			c.bad(Missing, area, name, "the cluster "+c.sys.ECS.Cluster+" has no such service", "create it, or mend ecs.services")
		default:
			c.bad(Wrong, area, name, "the service is "+status[name]+", not ACTIVE", "create it anew, or take it out of ecs.services")
		}
	}
}

func (c *checker) database(ctx context.Context) {
	const area = "rds"
	name := c.sys.Database.Cluster
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := rds.NewFromConfig(c.cfg).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	switch {
	case err != nil:
		c.failed(err, area, name, "rds:DescribeDBClusters")
	case len(out.DBClusters) == 0:
		c.bad(Missing, area, name, "there is no such cluster", "create it, or mend database.cluster")
	case aws.ToString(out.DBClusters[0].Status) != "available":
		c.bad(Wrong, area, name, "the cluster is "+aws.ToString(out.DBClusters[0].Status)+"; a snapshot needs it available", "wait, or look at the cluster's events")
	default:
		c.ok(area, name)
	}
}

func (c *checker) alarms(ctx context.Context) {
	const area = "cloudwatch"
	client := cloudwatch.NewFromConfig(c.cfg)
	for batch := range slices.Chunk(c.sys.Alarms, 100) { // DescribeAlarms takes a hundred
		call, cancel := context.WithTimeout(ctx, callTimeout)
		out, err := client.DescribeAlarms(call, &cloudwatch.DescribeAlarmsInput{
			AlarmNames: batch, AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm}, MaxRecords: aws.Int32(100),
		})
		cancel()
		if err != nil {
			c.failed(err, area, strings.Join(batch, ", "), "cloudwatch:DescribeAlarms")
			continue
		}
		there := map[string]bool{}
		for _, a := range out.MetricAlarms {
			there[aws.ToString(a.AlarmName)] = true
		}
		for _, a := range out.CompositeAlarms {
			there[aws.ToString(a.AlarmName)] = true
		}
		for _, name := range batch {
			if there[name] {
				c.ok(area, name)
			} else {
				c.bad(Missing, area, name, "there is no such alarm", "create it, or take it out of alarms")
			}
		}
	}
}

func (c *checker) jobs(ctx context.Context) {
	client := scheduler.NewFromConfig(c.cfg)
	for _, job := range c.sys.Jobs {
		name := job.Group + "/" + job.Schedule
		call, cancel := context.WithTimeout(ctx, callTimeout)
		out, err := client.GetSchedule(call, &scheduler.GetScheduleInput{GroupName: &job.Group, Name: &job.Schedule})
		cancel()
		if err != nil {
			c.failed(err, "scheduler", name, "scheduler:GetSchedule")
			continue
		}
		if out.Target != nil && !slices.Contains(c.passed, aws.ToString(out.Target.RoleArn)) {
			c.passed = append(c.passed, aws.ToString(out.Target.RoleArn))
		}
		c.ok("scheduler", name)
	}
}

// mail: the sender's address or domain is verified, the configuration set is there, and the account may write to anybody.
func (c *checker) mail(ctx context.Context) {
	const area = "sesv2"
	client := sesv2.NewFromConfig(c.cfg)
	ctx, cancel := context.WithTimeout(ctx, 3*callTimeout)
	defer cancel()
	address, err := mail.ParseAddress(c.sys.Mail.From)
	if err != nil {
		c.bad(Wrong, area, c.sys.Mail.From, "mail.from is no address", "write it as 窓口 <name@example.jp>")
		return
	}
	c.identityOf(ctx, client, address.Address)
	if set := c.sys.Mail.ConfigurationSet; set != "" {
		if _, err := client.GetConfigurationSet(ctx, &sesv2.GetConfigurationSetInput{ConfigurationSetName: &set}); err != nil {
			c.failed(err, area, set, "ses:GetConfigurationSet")
		} else {
			c.ok(area, set)
		}
	}
	account, err := client.GetAccount(ctx, &sesv2.GetAccountInput{})
	switch {
	case err != nil:
		c.failed(err, area, "account", "ses:GetAccount")
	case !account.SendingEnabled:
		c.bad(Wrong, area, "account", "sending is switched off for this account", "see the SES console's account dashboard")
	case !account.ProductionAccessEnabled:
		c.bad(Wrong, area, "account", "the account is in the SES sandbox: mail reaches verified recipients only", "request production access for SES")
	default:
		c.ok(area, "account")
	}
}

// identityOf takes the address itself or, as is usual, its domain.
func (c *checker) identityOf(ctx context.Context, client *sesv2.Client, address string) {
	const area = "sesv2"
	domain := address[strings.LastIndex(address, "@")+1:]
	var failure error
	for _, identity := range []string{address, domain} {
		out, err := client.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &identity})
		if err != nil {
			failure = err
			continue
		}
		if !out.VerifiedForSendingStatus {
			c.bad(Wrong, area, identity, fmt.Sprintf("the identity is not verified for sending (%s)", orNone(out.VerificationStatus)), "finish its verification: DNS records for a domain, the link in the mail for an address")
			return
		}
		c.ok(area, identity)
		return
	}
	c.failed(failure, area, address, "ses:GetEmailIdentity")
}

func orNone(s sestypes.VerificationStatus) string {
	if s == "" {
		return "no status"
	}
	return string(s)
}

func serviceNames(services []system.Service) []string {
	var names []string
	for _, s := range services {
		names = append(names, s.Service)
	}
	return names
}
