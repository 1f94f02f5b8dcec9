"""Saved queries of CloudWatch Logs Insights: what an administrator asks the registry's log first.

They are in a folder with the stack's name. The fields are CloudWatch's, which begin with ``@``, and those of nginx's
log lines, which are JSON.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

from troposphere import Ref, Sub, Template
from troposphere.logs import LogGroup, QueryDefinition

FAILED_REQUESTS = """\
fields @timestamp, status, method, host, path, client, seconds, upstream_status
| filter status >= 400
| sort @timestamp desc
| limit 200
"""

_QUERIES = {
    "FailedBootsQuery": (
        "Why did a launch or a boot fail",
        """\
fields @timestamp, @logStream, @message
| filter @logStream like /^boot-/
| sort @timestamp desc
| limit 5
""",
    ),
    "FailedRequestsQuery": ("Which requests failed", FAILED_REQUESTS),
    "SlowRequestsQuery": (
        "Which requests are slow",
        """\
fields @timestamp, seconds, status, method, host, path, bytes, client
| filter seconds >= 1
| sort seconds desc
| limit 200
""",
    ),
    "ClientsQuery": (
        "Who uses the registry, from which addresses",
        """\
filter ispresent(client)
| stats count(*) as requests, sum(bytes) as bytes_sent, max(@timestamp) as last by client, user_agent
| sort requests desc
| limit 200
""",
    ),
    "FailuresOfTheRegistryQuery": (
        "What did the registry say when it failed",
        """\
fields @timestamp, @logStream, @message
| filter @logStream like /^registry-[0-9a-f]+$/
| filter @message like /(?i)traceback|error|exception|critical/ or @message like /^ +File /
| sort @timestamp desc
| limit 500
""",
    ),
}
"""Logical ID -> what is asked, and the query."""


def add_queries(t: Template, logs: LogGroup) -> None:
    """The saved queries, about the registry's log group."""
    for name, (question, query) in _QUERIES.items():
        title = Sub(f"${{AWS::StackName}}/{question}")
        t.add_resource(QueryDefinition(name, Name=title, LogGroupNames=[Ref(logs)], QueryString=query))
