#!/usr/bin/env bash
# Filters over fans: counted while they are written, saved as segments, frozen as packages, refused with the place of the mistake.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
account='"parent": "accounts/lumi-flagship"'
for number in 1 2 3 4; do
  ingest "u$number" FOLLOW "2026-02-0${number}T08:00:00Z"
done
ingest u1 ORDER 2026-02-20T08:00:00Z '{"amount_minor": 9900}'
ingest u2 SHARE 2026-02-27T08:00:00Z
call TagService/CreateTag "{$account"', "tag_id": "vip", "tag": {"display_name": "VIP"}}' >/dev/null
call TagService/TagFans '{"name": "accounts/lumi-flagship/tags/vip", "users": ["users/u1", "users/u3"]}' >/dev/null

say "Counted"
call SegmentService/EstimateSegment "{$account"', "filter": "following = true"}'
call SegmentService/EstimateSegment "{$account"', "filter": "following = true AND tags:vip OR share_count >= 1"}'
call SegmentService/EstimateSegment "{$account"', "filter": "tags:\"vip\" AND NOT order_count >= 1 follow_age > 20d"}'
ingest u5 FOLLOW 2026-02-28T08:00:00Z
call SegmentService/EstimateSegment "{$account"', "filter": "last_interaction_age < 7d OR last_order_time > \"2026-02-15T00:00:00Z\""}'

say "Saved"
call SegmentService/CreateSegment "{$account"', "segment_id": "buyers", "segment": {"display_name": "Buyers", "filter": "order_count >= 1"}}'
call SegmentService/EstimateSegment "{$account"', "segment": "accounts/lumi-flagship/segments/buyers"}'
call SegmentService/UpdateSegment '{"segment": {"name": "accounts/lumi-flagship/segments/buyers", "filter": "net_gmv_minor >= 10000", "etag": "\"1\""},
  "update_mask": {"paths": ["filter"]}}'
call SegmentService/GetSegment '{"name": "accounts/lumi-flagship/segments/buyers"}'
call SegmentService/ListSegments "{$account}"
call SegmentService/EstimateSegment "{$account"', "segment": "accounts/lumi-flagship/segments/buyers"}'
call SegmentService/DeleteSegment '{"name": "accounts/lumi-flagship/segments/buyers"}'

say "Frozen"
package() { # ID SOURCE
  call PackageService/CreatePackage "{$account"', "package_id": "'"$1"'", "package": {"display_name": "'"$1"'", "source": {'"$2"'}}}'
}
package fans '"kind": "PACKAGE_SOURCE_KIND_FILTER", "filter": "following = true"'
package named '"kind": "PACKAGE_SOURCE_KIND_USERS", "users": ["users/u1", "users/u2", "users/nobody"]'
both='"packages": ["accounts/lumi-flagship/packages/fans", "accounts/lumi-flagship/packages/named"]'
package others '"kind": "PACKAGE_SOURCE_KIND_DIFFERENCE", '"$both"
ingest u6 FOLLOW 2026-02-28T08:00:00Z
call PackageService/GetPackage '{"name": "accounts/lumi-flagship/packages/fans"}'
call PackageService/StreamPackageMembers '{"name": "accounts/lumi-flagship/packages/others"}'
call PackageService/StreamPackageMembers '{"name": "accounts/lumi-flagship/packages/fans", "form": "PACKAGE_MEMBER_FORM_BITMAP", "after_ordinal": "2"}'
call PackageService/DeletePackage '{"name": "accounts/lumi-flagship/packages/fans"}'
call PackageService/ListPackages "{$account}"

say "What is refused"
expect_error INVALID_FIELD PackageService/CreatePackage "{$account"', "package_id": "x", "package": {"display_name": "x", "source": {"kind": "PACKAGE_SOURCE_KIND_UNION"}}}'
expect_error RESOURCE_NOT_FOUND PackageService/CreatePackage "{$account"', "package_id": "x", "package": {"display_name": "x",
  "source": {"kind": "PACKAGE_SOURCE_KIND_INTERSECTION", '"$both"'}}}'
for filter in "tier >= FAVOURABLE" "tags = vip" "following = true AND" "(following = true" "region = SHANGHAI" "last_active_time > 2026-02-01" "tags:vipp"; do
  expect_error INVALID_FIELD SegmentService/EstimateSegment "{$account"', "filter": "'"$filter"'"}'
done
expect_error INVALID_FIELD SegmentService/EstimateSegment "{$account}"
expect_error RESOURCE_NOT_FOUND SegmentService/EstimateSegment "{$account"', "segment": "accounts/lumi-flagship/segments/buyers"}'
