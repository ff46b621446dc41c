package sandbox

import (
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func stsOperations() map[string]operation {
	return byName(
		handle(reads, "", func(*sts.GetCallerIdentityInput) about { return about{} }, getCallerIdentity),
	)
}

// callerARN is the ARN of the session; the role's own ARN, which IAM wants, has another form.
func callerARN(account string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + CallerRole + "/" + callerSession
}

func getCallerIdentity(c *call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	set, err := c.settings()
	return &sts.GetCallerIdentityOutput{
		Account: ptr(set.Account), Arn: ptr(callerARN(set.Account)), UserId: ptr("AROASANDBOXSANDBOX000:" + callerSession),
	}, err
}
