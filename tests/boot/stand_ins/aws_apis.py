"""The AWS APIs that an instance calls, and the web server of RDS's certificates.

    aws_apis.py FOLDER STACK

FOLDER is an instance's; STACK is common to the instances of a stack, and FOLDER itself where there is one only. All
their files are read at each call. Everything is on one port of the loopback interface, to which iptables redirects the
metadata service's address. Each call is written to FOLDER/calls, as a line of JSON.

    FOLDER/metadata.json         the resource's metadata, for cfn-init
    FOLDER/credentials.json      the role's, in the instance metadata
    FOLDER/lifecycle-state       target-lifecycle-state in the instance metadata; without the file there is none
    FOLDER/secrets.json          ARN -> value of a secret; FOLDER/texts.json likewise for SSM parameters, by name
    FOLDER/keys.json             the access keys that IAM knows
    FOLDER/buckets.json          bucket -> its Region, or "Forbidden"
    FOLDER/refused               the actions that fail with an internal error
    FOLDER/signal-error.json     {"Status", "Code", "Message", "UniqueId": pattern}: the answer to signals of such an ID
    STACK/stack-status           signals are taken while it ends in IN_PROGRESS
    STACK/targets.json           target group -> instance -> {"State", "Reason"}, by logical ID; without the file an
                                 instance is healthy as soon as its own health check is
    STACK/address.json           {"holder": the instance that has the fixed address, or null}
    STACK/rds-certificates.pem   the bundle of certificates that RDS publishes
"""

import fcntl
import json
import re
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aws_cli

PORT = 9000
FOLDER, STACK = map(Path, sys.argv[1:])
INSTANCE = (FOLDER / "instance-id").read_text()
ADDRESS, OTHER_ADDRESS = "203.0.113.10", "198.51.100.20"
LOCK = threading.Lock()
LOG_STREAMS = set()


class Refused(Exception):
    """An answer that is an error: status, code and message."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.reply(200, "a-token")

    def do_GET(self):
        path, query = urlsplit(self.path)[2:4]
        if path.startswith("/latest/"):
            self.instance_metadata(path[len("/latest/") :])
        elif path.endswith("-bundle.pem"):
            self.reply(503, "") if refuses("Certificates") else self.reply(200, read(STACK, "rds-certificates.pem"))
        else:
            self.cloudformation(dict(parse_qsl(query)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/aws":
            self.call_of_cli(*body.split("\0")[:-1])
        else:
            self.cloudformation(dict(parse_qsl(body)))

    def instance_metadata(self, path):
        """Version 2 is required but for what the published cfn-init asks, which is older than it."""
        credentials = "meta-data/iam/security-credentials/"
        if path.startswith("meta-data/") and path != "meta-data/instance-id":
            if self.headers.get("X-aws-ec2-metadata-token") != "a-token":
                return self.reply(401, "")
            if refuses("InstanceMetadata"):
                return self.reply(503, "")
        lifecycle = FOLDER / "lifecycle-state"
        answers = {
            "dynamic/instance-identity/document": json.dumps({"region": "us-east-1", "instanceId": INSTANCE}),
            "dynamic/instance-identity/signature": "signature",
            "meta-data/instance-id": INSTANCE,
            "meta-data/public-ipv4": ADDRESS if holder() == INSTANCE else OTHER_ADDRESS,
            "meta-data/autoscaling/target-lifecycle-state": lifecycle.read_text() if lifecycle.exists() else None,
            credentials: "the-role",
            f"{credentials}the-role": read(FOLDER, "credentials.json"),
        }
        return self.reply(200, answers[path]) if answers.get(path) else self.reply(404, "")

    def cloudformation(self, call):
        record(call)
        if call["Action"] == "SignalResource":
            self.signal(call)
            return
        resource = {
            "LogicalResourceId": call["LogicalResourceId"],
            "PhysicalResourceId": "x",
            "ResourceType": "AWS::EC2::LaunchTemplate",
            "ResourceStatus": "CREATE_COMPLETE",
            "StackName": call["StackName"],
            "StackId": "arn:x",
            "LastUpdatedTimestamp": 0,
            "Metadata": read(FOLDER, "metadata.json"),
        }
        result = {"DescribeStackResourceResult": {"StackResourceDetail": resource}}
        self.reply(200, json.dumps({"DescribeStackResourceResponse": result}))

    def signal(self, call):
        """Signals are taken while the stack is created or updated.

        https://github.com/aws-cloudformation/aws-cloudformation-templates/issues/126
        """
        error = FOLDER / "signal-error.json"
        wrong = json.loads(error.read_text()) if error.exists() else {"UniqueId": "(?!)"}
        status = read(STACK, "stack-status")
        if re.search(wrong["UniqueId"], call["UniqueId"]):
            self.refuse_signal(call, wrong["Status"], wrong["Code"], wrong["Message"])
        elif not status.endswith("IN_PROGRESS"):
            stack = "arn:aws:cloudformation:us-east-1:123456789012:stack/my-stack/51af3dc0"
            sentence = f"Stack {stack} is in {status} state and cannot be signaled"
            self.refuse_signal(call, 400, "ValidationError", sentence)
        else:
            self.reply(200, "{}")

    def refuse_signal(self, call, status, code, message):
        record({"Action": "RefusedSignal", "Code": code, "UniqueId": call["UniqueId"], "Status": call["Status"]})
        error = {"Code": code, "Message": message, "Type": "Sender" if status < 500 else "Receiver"}
        self.reply(status, json.dumps({"Error": error}))

    def call_of_cli(self, region, key, secret, at, service, operation, *words):
        """Answers aws.sh with what the AWS CLI prints."""
        action, call, own = aws_cli.understand(service, operation, words, region)
        try:
            self.reply(200, aws_cli.printed(self.service(action, call, key, secret, at), own))
        except Refused as error:
            status, code, message = error.args
            self.reply(status, f"An error occurred ({code}) when calling the {action} operation: {message}\n")

    def service(self, action, call, key, secret, at):
        record({"Action": action, "By": key or "the role", **call})
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
        if abs(time.time() - float(at)) > 300:
            raise Refused(403, "SignatureDoesNotMatch", "Signature expired")
        if key and [key, secret] not in json.loads(read(FOLDER, "keys.json")):
            raise Refused(403, "403", "Forbidden")
        if refuses(action):
            raise Refused(500, "InternalFailure", "Internal failure")
        operations = {
            "AssociateAddress": associate_address,
            "CreateLogStream": create_log_stream,
            "DescribeTargetHealth": describe_target_health,
            "GetAuthorizationToken": lambda call: {"password": "token-of-the-instances-role"},
            "GetParameter": get_parameter,
            "GetSecretValue": get_secret_value,
            "HeadBucket": head_bucket,
            "PutLogEvents": put_log_events,
            "PutSecretValue": put_secret_value,
        }
        return operations.get(action, lambda call: {})(call)

    def reply(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def read(folder, name):
    return (folder / name).read_text()


def write(folder, name, text):
    """Replace a file in one step: others may be reading it."""
    new = folder / f"{name}.{INSTANCE}"
    new.write_text(text)
    new.replace(folder / name)


def refuses(action):
    return action in read(FOLDER, "refused").split()


def record(call):
    with LOCK, (FOLDER / "calls").open("a") as file:
        file.write(json.dumps(call) + "\n")


def get_secret_value(call):
    return {"SecretString": json.loads(read(FOLDER, "secrets.json"))[call["SecretId"]]}


def put_secret_value(call):
    secrets = json.loads(read(FOLDER, "secrets.json"))
    assert call["SecretId"] in secrets
    write(FOLDER, "secrets.json", json.dumps(secrets | {call["SecretId"]: call["SecretString"]}))
    return {}


def get_parameter(call):
    value = json.loads(read(FOLDER, "texts.json"))[call["Name"]]
    return {"Parameter": {"Name": call["Name"], "Type": "String", "Value": value}}


def create_log_stream(call):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html"""
    with LOCK:
        if call["logStreamName"] in LOG_STREAMS:
            raise Refused(400, "ResourceAlreadyExistsException", "The specified log stream already exists")
        LOG_STREAMS.add(call["logStreamName"])
    return {}


def put_log_events(call):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""
    if call["logStreamName"] not in LOG_STREAMS:
        raise Refused(400, "ResourceNotFoundException", "The specified log stream does not exist.")
    return {}


def head_bucket(call):
    """The CLI follows the redirection to another Region by itself."""
    region = json.loads(read(FOLDER, "buckets.json")).get(call["Bucket"])
    if region is None:
        raise Refused(404, "404", "Not Found")
    if region == "Forbidden":
        raise Refused(403, "403", "Forbidden")
    return {"BucketRegion": region}


def holder():
    """The instance that has the fixed address, or None."""
    return json.loads(read(STACK, "address.json"))["holder"]


def associate_address(call):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html"""
    assert call["InstanceId"] == INSTANCE
    with (STACK / "address.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if holder() and "NoAllowReassociation" in call:
            message = f"resource {call['AllocationId']} is already associated with associate-id eipassoc-1"
            raise Refused(400, "Resource.AlreadyAssociated", message)
        write(STACK, "address.json", json.dumps({"holder": INSTANCE}))
    return {"AssociationId": "eipassoc-1"}


def describe_target_health(call):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html"""
    instance = call["Targets"][len("Id=") :]
    health = {"State": "unused", "Reason": "Target.NotRegistered"}
    targets = STACK / "targets.json"
    if targets.exists():
        health = json.loads(targets.read_text()).get(call["TargetGroupArn"].strip("<>"), {}).get(instance, health)
    elif own_health() == 200:
        health = {"State": "healthy"}
    else:
        health = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch"}
    return {"TargetHealthDescriptions": [{"Target": {"Id": instance}, "TargetHealth": health}]}


def own_health():
    """The status of the instance's health check on port 80; 0 without an answer."""
    connection = HTTPConnection("127.0.0.1", 80, timeout=5)
    try:
        connection.request("GET", "/healthcheck", headers={"Host": "10.42.0.17"})
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


ThreadingHTTPServer(("127.0.0.1", PORT), Answer).serve_forever()
