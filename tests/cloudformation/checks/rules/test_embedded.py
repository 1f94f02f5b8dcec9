"""Faults in what runs on the instance, put into our templates: exactly one rule reports each; and small templates."""

from __future__ import annotations

import re
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT, evaluate
from tests.cloudformation.checks.conftest import as_parsed, findings, rules_and_places


def properties(template, name):
    return template["Resources"][name]["Properties"]


def change(template, source, pattern, replacement):
    """Replace the first match of a pattern in a file that is installed."""
    file = template["Mappings"]["Files"][source]
    file["Text"], count = re.subn(pattern, replacement, file["Text"], count=1, flags=re.MULTILINE)
    assert count == 1


def change_user_data(template, pattern, replacement):
    data = properties(template, "ServerTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    data["Fn::Sub"], count = re.subn(pattern, replacement, data["Fn::Sub"], count=1, flags=re.MULTILINE)
    assert count == 1


def environment(template, name):
    init = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]
    return init["config"]["files"]["/opt/quilt/config.json"]["content"]["Environments"][name]


def messages(template, rule):
    launch = evaluate(template, {}, allow_missing=True)
    return [each.message for each in run_rules(as_parsed(template), [launch], EMPTY_CONTRACT, [RULES[rule]])]


# Syntax.

SYNTAX = {
    "user data": lambda t: change_user_data(t, "^  until ", "  while until "),
    "steps.sh": lambda t: change(t, "steps.sh", r"^esac$", "done"),
    "start.sh": lambda t: change(t, "start.sh", r"^\*\)$", "*"),
    "boot": lambda t: change(t, "boot", r"\A(.*\n)", r"\1if true; then\n"),
    "Python file": lambda t: change(t, "database.py", r"^def (\w+)\((.*)\)(.*):$", r"def \1(\2)\3"),
    "Python in the user data": lambda t: change_user_data(t, r"^async def main\(\):", "async def main()"),
    "nginx: a semicolon": lambda t: change(t, "nginx.conf", "server_tokens off;", "server_tokens off"),
    "nginx: a brace": lambda t: change(t, "nginx.conf", r"^http \{", "http"),
    "nginx: a directive": lambda t: change(t, "nginx.conf", "client_max_body_size", "client_max_bodysize"),
    "nginx: a context": lambda t: change(t, "nginx.conf", "^events", "upstream u { server a; }\nevents"),
    "systemd: a section": lambda t: change(t, "quilt-refresh.service", r"^\[Service\]", "[Services]"),
    "systemd: a directive": lambda t: change(t, "quilt-refresh.service", "^ExecStart=", "ExecStrat="),
    "systemd: a place": lambda t: change(t, "quilt-termination.service", r"^ExecStart=/?\S*/", "ExecStart=bin/"),
    "systemd: a line": lambda t: change(t, "quilt-refresh.service", r"^(Type=.*|ExecStart=.*)$", r"\1\nenabled"),
}
"""What is broken -> a function that puts the fault into a template."""


@pytest.mark.parametrize("fault", SYNTAX)
def test_a_fault_in_a_file_of_ours(edition, seeded, fault):
    SYNTAX[fault](seeded)
    assert findings(edition, seeded) == {("W30", "ServerTemplate")}


def instance(files=None, user_data=None, **more):
    """A template with an instance that has these files and this user data."""
    init = {"config": {"files": {path: {"content": text} for path, text in (files or {}).items()}}}
    server: dict[str, Any] = {
        "Type": "AWS::EC2::Instance",
        "Metadata": {"AWS::CloudFormation::Init": init},
        "Properties": {},
    }
    if user_data is not None:
        server["Properties"]["UserData"] = {"Fn::Base64": user_data}
    return {"Resources": {"Server": server, **more}}


WRONG = {
    "/etc/app.json": '{"a": 1,}',
    "/etc/app.yaml": "a: [1, 2",
    "/opt/run": "#!/bin/bash\nif true; then echo\n",
    "/opt/run.sh": "echo 'a",
    "/opt/run.py": "import os\nprint(",
    "/opt/tool": "#!/usr/bin/env python3\nprint 'a'\n",
    "/etc/nginx/conf.d/app.conf": "server { listen 80; location / { proxy_pass http://app } }",
    "/etc/nginx/nginx.conf": "http { server { listen 80; }",
    "/etc/systemd/system/app.service": "[Service]\nRestart=always\n",
    "/etc/systemd/system/app.service.d/more.conf": "[Service]\nRestrat=always\n",
    "/etc/systemd/system/app.timer": "[Timer]\nOnCalender=daily\n",
    "/etc/systemd/system/long.service": "[Service]\nExecStart=\\\n  bin/run a\n",
}
RIGHT = {
    "/etc/app.json": '{"a": 1}',
    "/etc/app.yaml": "a: !Tag [1, 2]\n---\nb: 1\n",
    "/etc/playbook.yaml": "a: {{ variable }}\n",
    "/opt/run": "#!/bin/bash\nshopt -s extglob\nrm !(a|b)\n",
    "/opt/run.sh": "cat <<EOF\nit's\nEOF\n",
    "/opt/other.sh": "#!/usr/bin/perl\nmy $a = 'b';\n",
    "/opt/run.py": "import os\nprint('a')\n",
    "/opt/old.py": "#!/usr/bin/python\nprint 'a'\n",
    "/etc/nginx/conf.d/app.conf": "server { listen 80; http2 on; location / { proxy_pass http://app; } }",
    "/etc/nginx/stream.d/database.conf": "server { listen 5432; proxy_pass database:5432; }",
    "/etc/nginx/app_params": "fastcgi_param A b;",
    "/etc/nginx/nginx.conf": "events {}\nhttp { map $a $b { default 0; servre 1; } more_set_headers 'A: b'; }",
    "/etc/systemd/system/app.service": "[Unit]\nAfter=a \\\n# b\n  c\n[Service]\nExecStart=-/bin/a\nX-A=b\nNewer=1\n",
    "/etc/systemd/system/app.service.d/more.conf": "[Service]\nRestart=always\n",
    "/etc/systemd/system/app.timer": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
    "/etc/systemd/journald.conf": "[Journal]\nStorage=volatile\n",
    "/etc/app.conf": "{ anything",
}


@pytest.mark.parametrize("path", WRONG)
def test_a_file_that_cannot_be_read(path):
    assert len(messages(instance({path: WRONG[path]}), "W30")) == 1


@pytest.mark.parametrize("path", RIGHT)
def test_a_file_that_can_be_read_or_may_be_anything(path):
    assert messages(instance({path: RIGHT[path]}), "W30") == []


def test_the_message_says_where_and_what():
    text = "#!/bin/bash\ncat > /opt/a.py <<'EOF'\nimport os\ndef a(:\nEOF\npython3 -c '\nb = 1\n)'\n"
    found = [each.partition(":")[0] for each in messages(instance(user_data=text), "W30")]
    assert found == [f"Line {line} of the user data is not valid (Python)" for line in (4, 8)]


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/bash\ncat > /opt/a.py <<EOF\nname = $NAME\ndef a(\nEOF\n",
        '#!/bin/bash\nread a <<<word\necho "python3 -c \'a\\"\'"\n',
        "<powershell>\nif (\n</powershell>",
        "#include https://example.com/x",
        "#cloud-config\npackages: [nginx]\n",
        "#!/bin/bash\ncat >> /opt/a.json <<'EOF'\n, 1]\nEOF\n",
    ],
)
def test_what_a_shell_changes_and_other_languages_are_not_read(text):
    assert messages(instance(user_data=text), "W30") == []


def test_each_part_of_user_data_in_several_parts_is_read():
    head = (
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n\n--==\nContent-Type: text/x-shellscript\n\n'
    )
    script = "#!/bin/bash\nif true; then\n"
    assert len(messages(instance(user_data=f"{head}{script}--==--\n"), "W30")) == 1
    assert messages(instance(user_data=f"{head}{script}  :\nfi\n\n--==--\n"), "W30") == []


def test_values_that_only_aws_knows_are_words():
    text = {
        "Fn::Sub": "#!/bin/bash\necho ${Server.PublicIp} >${Queue} <${Topic.TopicName}\nif [ ${Server} ]; then :; fi\n"
    }
    queue, topic = {"Type": "AWS::SQS::Queue"}, {"Type": "AWS::SNS::Topic"}
    assert messages(instance(user_data=text, Queue=queue, Topic=topic), "W30") == []
    number = {"Fn::Sub": '{"port": ${Server.Port}, "name": "${Server}"}'}
    assert messages(instance({"/etc/a.json": number}), "W30") == []


@pytest.mark.parametrize(
    ("runtime", "code", "count"),
    [
        ("python3.12", "def handler(event, context):\n  return {", 1),
        ("python3.12", "def handler(event, context):\n  return {}", 0),
        ("nodejs20.x", "exports.handler = async () => {", 0),
    ],
)
def test_the_code_of_a_function(runtime, code, count):
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": runtime, "Code": {"ZipFile": code}}}
    assert len(messages({"Resources": {"Function": function}}, "W30")) == count


# Health checks.


@pytest.mark.parametrize("path", ["/health", "/", "/healthcheck/deep"])
def test_a_health_check_for_another_path(edition, seeded, path):
    properties(seeded, "SitesTargetGroup")["HealthCheckPath"] = path
    assert findings(edition, seeded) == {("W29", "SitesTargetGroup")}


def test_a_location_that_got_another_name(edition, seeded):
    change(seeded, "nginx.conf", "location = /healthcheck", "location = /health")
    assert findings(edition, seeded) == {("W29", "SitesTargetGroup"), ("W29", "RedirectTargetGroup")}


def test_a_server_that_answers_no_address(edition, seeded):
    change(seeded, "nginx.conf", 'server_name "~[^"]*";', "server_name health.example.com;")
    assert findings(edition, seeded) == {("W29", "SitesTargetGroup"), ("W29", "RedirectTargetGroup")}


def balanced(nginx, **group):
    """The names of target groups that W29 reports, of an instance with this configuration of nginx."""
    target = {"Port": 80, "Protocol": "HTTP", "Targets": [{"Id": {"Ref": "Server"}}], **group}
    load_balanced = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": target}
    files = nginx if isinstance(nginx, dict) else {"/etc/nginx/nginx.conf": f"events {{}} http {{ {nginx} }}"}
    template = instance(files, Group=load_balanced)
    launch = evaluate(template, {}, allow_missing=True)
    return {place for _, place in rules_and_places(template, [launch], rules=[RULES["W29"]])}


REDIRECT = "server { listen 80; return 301 https://$host$request_uri; }"


@pytest.mark.parametrize(
    ("nginx", "group"),
    [
        (REDIRECT, {}),
        ("server { location /app { proxy_pass http://a; } }", {"HealthCheckPath": "/ping"}),
        ("server { location / { return 403; } }", {}),
        ("server { location / { return 503; } }", {"Protocol": "TCP", "HealthCheckProtocol": "HTTP"}),
        ("server { listen 81; location / { return 204; } }", {"HealthCheckPort": "81", "Matcher": {"HttpCode": "200"}}),
        ({"/etc/nginx/conf.d/a.conf": "server { listen 80 default_server; return 404; }"}, {}),
    ],
)
def test_nginx_refuses_the_health_check(nginx, group):
    assert balanced(nginx, **group) == {"Group"}


@pytest.mark.parametrize(
    ("nginx", "group"),
    [
        (REDIRECT, {"Matcher": {"HttpCode": "200,301"}}),
        (REDIRECT, {"Protocol": "TCP", "HealthCheckProtocol": "HTTP"}),
        (REDIRECT, {"Protocol": "TCP"}),
        (REDIRECT, {"HealthCheckPort": "8080"}),
        (REDIRECT, {"HealthCheckProtocol": "HTTPS"}),
        ("server { location / { proxy_pass http://a; } }", {"HealthCheckPath": "/ping"}),
        ("server { root /srv; }", {"HealthCheckPath": "/ping"}),
        ("server { location / { if ($a) { return 503; } proxy_pass http://a; } }", {}),
        ("server { include /etc/nginx/default.d/*.conf; }", {"HealthCheckPath": "/ping"}),
        ("include /etc/nginx/conf.d/*.conf; server { return 404; }", {}),
        ("server { location / { return 404; } error_page 404 =200 /ok; }", {}),
        ({"/etc/nginx/conf.d/a.conf": "server { listen 80; return 404; }"}, {}),
        ("server { return 404; ", {}),
    ],
)
def test_the_health_check_is_answered_or_nobody_can_tell(nginx, group):
    assert balanced(nginx, **group) == set()


def test_the_health_check_of_a_classic_load_balancer():
    check: dict[str, Any] = {"HealthCheck": {"Target": "HTTP:80/ping"}, "Instances": [{"Ref": "Server"}]}
    balancer = {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": check}
    template = instance({"/etc/nginx/nginx.conf": f"http {{ {REDIRECT} }}"}, Balancer=balancer)
    assert len(messages(template, "W29")) == 1
    check["HealthCheck"]["Target"] = "TCP:80"
    assert messages(template, "W29") == []


# Environment variables.


def test_an_arn_for_a_buckets_name(edition, seeded):
    environment(seeded, "registry")["PACKAGE_BUCKET_NAME"]["Fn::If"][2] = {"Fn::GetAtt": ["Bucket", "Arn"]}
    assert findings(edition, seeded) == {("W31", "ServerTemplate")}


VARIABLES = {
    "a URL without its scheme": ("REGISTRY_URL", {"Ref": "RegistryHost"}),
    "a host with a scheme": ("SMTP_HOST", {"Fn::Sub": "smtp://email-smtp.${AWS::Region}.${AWS::URLSuffix}"}),
    "a host with a port": ("SMTP_HOST", "mail.example.com:587"),
    "a zone for a Region": ("AWS_DEFAULT_REGION", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
    "a host for a port": ("SMTP_PORT", "mail.example.com"),
}


@pytest.mark.parametrize("fault", VARIABLES)
def test_another_value_than_the_name_says(edition, seeded, fault):
    name, value = VARIABLES[fault]
    environment(seeded, "registry")[name] = value
    assert findings(edition, seeded) == {("W31", "ServerTemplate")}


OTHERS = {
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Database": {"Type": "AWS::RDS::DBInstance"},
    "Table": {"Type": "AWS::DynamoDB::Table"},
    "Custom": {"Type": "Custom::Thing"},
}


def variables_reported(**variables):
    """The variables of a function that W31 reports."""
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": variables}}}
    template = {"Parameters": {"Elsewhere": {"Type": "String"}}, "Resources": {**OTHERS, "Function": function}}
    return {each.partition(" ")[0] for each in messages(template, "W31")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUCKET", {"Fn::GetAtt": ["Bucket", "Arn"]}),
        ("BUCKET_NAME", {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]}),
        ("DATA_BUCKET_NAME", {"Fn::Sub": "arn:${AWS::Partition}:s3:::data"}),
        ("BUCKET_ARN", {"Ref": "Bucket"}),
        ("QUEUE_ARN", {"Ref": "Queue"}),
        ("TOPIC_ARN", {"Fn::GetAtt": ["Topic", "TopicName"]}),
        ("QUEUE_URL", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("QUEUE_URL", {"Fn::GetAtt": ["Queue", "QueueName"]}),
        ("TABLE_ARN", {"Ref": "Table"}),
        ("DB_HOST", {"Ref": "Database"}),
        ("DB_HOST", {"Fn::GetAtt": ["Database", "DBInstanceArn"]}),
        ("DATABASE_URL", {"Fn::GetAtt": ["Database", "Endpoint.Address"]}),
        ("DB_PORT", {"Fn::GetAtt": ["Database", "Endpoint.Address"]}),
        ("API_URL", "api.example.com"),
        ("AWS_REGION", "us-east-1a"),
    ],
)
def test_a_function_gets_another_kind_of_value(name, value):
    assert variables_reported(**{name: value}) == {name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUCKET", {"Ref": "Bucket"}),
        ("BUCKET_NAME", "www.example.com"),
        ("BUCKET", {"Fn::Sub": "s3://${Bucket}"}),
        ("BUCKET_NAME", {"Fn::Sub": "arn:aws:s3:us-east-1:${AWS::AccountId}:accesspoint/data"}),
        ("BUCKET_ARN", {"Fn::GetAtt": ["Bucket", "Arn"]}),
        ("QUEUE_URL", {"Ref": "Queue"}),
        ("TOPIC_ARN", {"Ref": "Topic"}),
        ("TOPIC_ARN", {"Ref": "Elsewhere"}),
        ("TOPIC_ARN", {"Fn::ImportValue": "topic"}),
        ("TOPIC_ARN", ""),
        ("THING_URL", {"Fn::GetAtt": ["Custom", "BucketName"]}),
        ("DB_HOST", {"Fn::GetAtt": ["Database", "Endpoint.Address"]}),
        ("DB_PORT", {"Fn::GetAtt": ["Database", "Endpoint.Port"]}),
        ("WORDPRESS_DB_HOST", "db.example.com:3306"),
        ("DOCKER_HOST", "tcp://docker:2375"),
        ("DB_HOST", {"Fn::Sub": "mongodb://${Database.Endpoint.Address}:27017/posts"}),
        ("API_URL", "/api"),
        ("API_URL", "{Later}"),
        ("AWS_REGION", {"Ref": "AWS::Region"}),
        ("REGIONAL", "us-east-1a"),
    ],
)
def test_a_function_gets_what_the_name_says_or_nobody_can_tell(name, value):
    assert variables_reported(**{name: value}) == set()


def test_a_port_beside_it_means_that_a_host_has_none():
    assert variables_reported(CACHE_HOST="cache.example.com:6379", CACHE_PORT="6379") == {"CACHE_HOST"}
    assert variables_reported(SMTP_HOST={"Fn::Sub": "smtp://${Elsewhere}"}, SMTP_PORT="587") == {"SMTP_HOST"}


@pytest.mark.parametrize(
    ("resource_type", "settings"),
    [
        ("AWS::ECS::TaskDefinition", lambda each: {"ContainerDefinitions": [{"Environment": [each]}]}),
        ("AWS::CodeBuild::Project", lambda each: {"Environment": {"EnvironmentVariables": [each]}}),
        ("AWS::Batch::JobDefinition", lambda each: {"ContainerProperties": {"Environment": [each]}}),
    ],
)
def test_other_programs_have_variables_as_well(resource_type, settings):
    entry = {"Name": "QUEUE_URL", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}}
    template = {"Resources": {**OTHERS, "Program": {"Type": resource_type, "Properties": settings(entry)}}}
    assert len(messages(template, "W31")) == 1


def test_a_build_reads_some_values_by_their_names():
    entry = {"Name": "QUEUE_ARN", "Type": "PARAMETER_STORE", "Value": "queue.arn"}
    project = {"Type": "AWS::CodeBuild::Project", "Properties": {"Environment": {"EnvironmentVariables": [entry]}}}
    assert messages({"Resources": {"Project": project}}, "W31") == []
    entry["Type"] = "PLAINTEXT"
    assert len(messages({"Resources": {"Project": project}}, "W31")) == 1
