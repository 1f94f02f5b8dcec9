"""The AWS APIs that an instance calls: instance metadata, CloudFormation, Secrets Manager, CloudWatch Logs, S3.

    aws_apis.py FOLDER STACK

FOLDER is an instance's; STACK is common to the instances of a stack, and FOLDER itself where there is one only.
Answers from FOLDER/metadata.json (the resource's metadata), FOLDER/credentials.json (the role's), FOLDER/secrets.json
(ARN -> value) and FOLDER/keys.json (access keys that IAM knows), refuses the actions in FOLDER/refused, and writes each
call to FOLDER/calls, as a line of JSON. Everything is on one port of the loopback interface, to which iptables
redirects the metadata service's address.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

PORT = 9000
FOLDER, STACK = map(Path, sys.argv[1:])
INSTANCE = (FOLDER / "instance-id").read_text()
LOCK = threading.Lock()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.reply(200, "a-token")

    def do_GET(self):
        path, query = urlsplit(self.path)[2:4]
        if path.startswith("/latest/"):
            self.instance_metadata(path[len("/latest/") :])
        else:
            self.cloudformation(dict(parse_qsl(query)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        target = self.headers.get("X-Amz-Target")
        if target is None:
            self.cloudformation(dict(parse_qsl(body)))
        else:
            self.service(target.rpartition(".")[2], json.loads(body))

    def instance_metadata(self, path):
        """Version 2 is required for credentials only: the published cfn-init is older than it."""
        credentials = "meta-data/iam/security-credentials/"
        if path.startswith(credentials) and self.headers.get("X-aws-ec2-metadata-token") != "a-token":
            return self.reply(401, "")
        if path.startswith(credentials) and self.refuses("InstanceMetadata"):
            return self.reply(503, "")
        answers = {
            "dynamic/instance-identity/document": json.dumps({"region": "us-east-1", "instanceId": INSTANCE}),
            "dynamic/instance-identity/signature": "signature",
            "meta-data/instance-id": INSTANCE,
            credentials: "the-role",
            f"{credentials}the-role": (FOLDER / "credentials.json").read_text(),
        }
        return self.reply(200, answers[path]) if path in answers else self.reply(404, "")

    def cloudformation(self, call):
        self.record(call)
        resource = {
            "LogicalResourceId": call["LogicalResourceId"],
            "PhysicalResourceId": "x",
            "ResourceType": "AWS::EC2::LaunchTemplate",
            "ResourceStatus": "CREATE_COMPLETE",
            "StackName": call["StackName"],
            "StackId": "arn:x",
            "LastUpdatedTimestamp": 0,
            "Metadata": (FOLDER / "metadata.json").read_text(),
        }
        result = {"DescribeStackResourceResult": {"StackResourceDetail": resource}}
        self.reply(200, json.dumps({"DescribeStackResourceResponse": result}))

    def service(self, action, call):
        key, secret, at = json.loads(self.headers["Authorization"])
        self.record({"Action": action, "By": key or "the role", **call})
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
        if abs(time.time() - float(at)) > 300:
            return self.reply(403, "Signature expired")
        if key and [key, secret] not in json.loads((FOLDER / "keys.json").read_text()):
            return self.reply(403, "Forbidden")
        if self.refuses(action):
            return self.reply(500, "Internal failure")
        with LOCK:
            path = FOLDER / "secrets.json"
            secrets = json.loads(path.read_text())
            if action == "PutSecretValue":
                assert call["SecretId"] in secrets
                secrets[call["SecretId"]] = call["SecretString"]
                path.write_text(json.dumps(secrets))
        value = {"SecretString": secrets[call["SecretId"]]} if action == "GetSecretValue" else {}
        return self.reply(200, json.dumps(value))

    def refuses(self, action):
        return action in (FOLDER / "refused").read_text().split()

    def record(self, call):
        with LOCK, (FOLDER / "calls").open("a") as file:
            file.write(json.dumps(call) + "\n")

    def reply(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Answer).serve_forever()
