#!/usr/bin/env bash
# What a stranger learns of the port: the services, every method with its comment, a message with its rules.
# No call carries a token.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"

say "Services"
grpc "$address" list
for service in accounts.v1.AccountsService crm.v1.{Analytics,Fan,Interaction,Tier}Service testing.v1.ClockService; do
  say "$service"
  grpc "$address" list "siyu.$service"
  grpc "$address" describe "siyu.$service"
done
say "Messages, enums, what health and errors are made of"
for symbol in siyu.crm.v1.{Interaction,Purchase,Tier} siyu.crm.v1.FanService.ListFans siyu.common.v1.ErrorReason \
  grpc.health.v1.Health google.rpc.ErrorInfo; do
  grpc "$address" describe "$symbol"
done
say "A request to fill in"
grpc -msg-template "$address" describe siyu.crm.v1.IngestInteractionsRequest
say "What does not exist"
grpc "$address" describe siyu.crm.v1.NoSuchService 2>&1 || echo "exit code $?"

# grpcurl asks for v1alpha by itself. It calls v1 once it is told what that looks like.
say "Reflection v1"
cat >"$work/reflection.proto" <<'PROTO'
syntax = "proto3";
package grpc.reflection.v1;
service ServerReflection { rpc ServerReflectionInfo(stream Ask) returns (stream Answer); }
message Ask { string file_containing_symbol = 4; string list_services = 7; }
message Answer { Files file_descriptor_response = 4; Services list_services_response = 6; Failure error_response = 7; }
message Files { repeated bytes file_descriptor_proto = 1; }
message Services { repeated Service service = 1; }
message Service { string name = 1; }
message Failure { int32 error_code = 1; string error_message = 2; }
PROTO
v1() {
  grpc -import-path "$work" -proto reflection.proto -d "$1" "$address" grpc.reflection.v1.ServerReflection/ServerReflectionInfo
}
v1 '{"list_services": "*"}'
v1 '{"file_containing_symbol": "siyu.crm.v1.NoSuch"}' 2>&1 || echo "exit code $?"
v1 '{"file_containing_symbol": "siyu.crm.v1.FanService"}' | grep -c '^ *"[A-Za-z0-9+/=]*",\?$' |
  sed 's/.*/files that FanService is made of: &/'
