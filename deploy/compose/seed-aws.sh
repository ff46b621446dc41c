#!/usr/bin/env bash
# Makes in an empty AWS emulator what examples/system.yaml names, and writes /out/system.yaml with the IDs that the
# emulator chose. Running it again on a filled emulator makes nothing twice. It refuses to run without an
# AWS_ENDPOINT_URL: it must never touch a real account.
set -euo pipefail
: "${AWS_ENDPOINT_URL:?set it to the address of the emulator; this script must not run on a real account}"
case "$AWS_ENDPOINT_URL" in
  *amazonaws.com*) echo "AWS_ENDPOINT_URL is AWS itself: this script is for emulators" >&2; exit 1 ;;
esac
source_file=${1:-/system.yaml}
out_file=${2:-/out/system.yaml}
account=123456789012
region=ap-northeast-1
bucket=gzs-infra-maintenance
cluster=gzs-infra
export AWS_PAGER="" AWS_REGION=$region AWS_DEFAULT_REGION=$region

value() { aws --output text "$@" | sed 's/^None$//'; } # one value; nothing when there is none
has() { aws "$@" > /dev/null 2>&1; }

has s3api head-bucket --bucket $bucket ||
  aws s3api create-bucket --bucket $bucket --create-bucket-configuration LocationConstraint=$region > /dev/null

# WAF: scope CLOUDFRONT lives in us-east-1.
waf() { value wafv2 --region us-east-1 "$@"; }
operators=$(waf list-ip-sets --scope CLOUDFRONT --query "IPSets[?Name=='gzs-infra-operators'].Id | [0]")
[ -n "$operators" ] || operators=$(waf create-ip-set --scope CLOUDFRONT --name gzs-infra-operators \
  --ip-address-version IPV4 --addresses 198.51.100.0/24 --query Summary.Id)
acl=$(waf list-web-acls --scope CLOUDFRONT --query "WebACLs[?Name=='gzs-infra-site'].Id | [0]")
[ -n "$acl" ] || acl=$(waf create-web-acl --scope CLOUDFRONT --name gzs-infra-site --default-action Allow={} \
  --visibility-config SampledRequestsEnabled=true,CloudWatchMetricsEnabled=true,MetricName=gzs-infra-site --query Summary.Id)

# The distribution routes everything to the site and /maintenance/* to the bucket.
distribution=$(value cloudfront list-distributions --query "DistributionList.Items[?Comment=='gzs-infra'].Id | [0]")
if [ -z "$distribution" ]; then
  behaviour='"ViewerProtocolPolicy": "redirect-to-https", "MinTTL": 0, "ForwardedValues": {"QueryString": false, "Cookies": {"Forward": "none"}}'
  distribution=$(value cloudfront create-distribution --query Distribution.Id --distribution-config "{
    \"CallerReference\": \"gzs-infra\", \"Comment\": \"gzs-infra\", \"Enabled\": true,
    \"Origins\": {\"Quantity\": 2, \"Items\": [
      {\"Id\": \"site\", \"DomainName\": \"origin.gzs.example.go.jp\",
       \"CustomOriginConfig\": {\"HTTPPort\": 80, \"HTTPSPort\": 443, \"OriginProtocolPolicy\": \"https-only\"}},
      {\"Id\": \"maintenance\", \"DomainName\": \"$bucket.s3.$region.amazonaws.com\", \"S3OriginConfig\": {\"OriginAccessIdentity\": \"\"}}]},
    \"DefaultCacheBehavior\": {\"TargetOriginId\": \"site\", $behaviour},
    \"CacheBehaviors\": {\"Quantity\": 1, \"Items\": [{\"PathPattern\": \"/maintenance/*\", \"TargetOriginId\": \"maintenance\", $behaviour}]}
  }")
fi

[ -n "$(value ecs describe-clusters --clusters $cluster --query 'clusters[0].clusterArn')" ] ||
  aws ecs create-cluster --cluster-name $cluster > /dev/null
service() { # name, desired count
  [ -z "$(value ecs describe-services --cluster $cluster --services "$1" --query 'services[0].serviceArn')" ] || return 0
  aws ecs register-task-definition --family "$1" \
    --container-definitions "[{\"name\": \"$1\", \"image\": \"example/$1:1\", \"memory\": 128}]" > /dev/null
  aws ecs create-service --cluster $cluster --service-name "$1" --task-definition "$1" --desired-count "$2" > /dev/null
}
service gzs-web 3
service gzs-api 2
service gzs-batch 1

has rds describe-db-clusters --db-cluster-identifier gzs-infra-db ||
  aws rds create-db-cluster --db-cluster-identifier gzs-infra-db --engine aurora-postgresql \
    --master-username emulator --master-user-password emulator-only > /dev/null

for alarm in gzs-web-unhealthy-hosts gzs-api-5xx gzs-batch-not-running; do # putting an alarm again changes nothing
  aws cloudwatch put-metric-alarm --alarm-name $alarm --namespace gzs --metric-name $alarm --statistic Sum --period 60 \
    --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanOrEqualToThreshold \
    --alarm-actions arn:aws:sns:$region:$account:gzs-alarms
done

job() { # name, cron, target
  has scheduler get-schedule --name "$1" ||
    aws scheduler create-schedule --name "$1" --schedule-expression "$2" --schedule-expression-timezone Asia/Tokyo \
      --flexible-time-window Mode=OFF --target "Arn=$3,RoleArn=arn:aws:iam::$account:role/gzs-scheduler" > /dev/null
}
job gzs-nightly-import 'cron(0 2 * * ? *)' arn:aws:ecs:$region:$account:cluster/$cluster
job gzs-hourly-index 'cron(15 * * * ? *)' arn:aws:lambda:$region:$account:function:gzs-index

has sesv2 get-email-identity --email-identity example.jp || aws sesv2 create-email-identity --email-identity example.jp > /dev/null

for id in "$operators" "$acl" "$distribution"; do
  [ -n "$id" ] || { echo "the emulator gave no ID for one of: IP set, web ACL, distribution" >&2; exit 1; }
done
sed -e "s/E2EXAMPLE1TEJUN/$distribution/" \
  -e "s/^\( *webACLId: \).*/\1$acl/" -e "s/^\( *operatorSetId: \).*/\1$operators/" "$source_file" > "$out_file.new"
mv "$out_file.new" "$out_file"
chmod 0644 "$out_file"
echo "the emulator holds the example system: distribution $distribution, web ACL $acl"
