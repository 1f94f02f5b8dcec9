"""Which programs and files a template has, in which language, and from which line on."""

from __future__ import annotations

from quilt_cfn.cloudformation.analysis.embedded import embedded
from quilt_cfn.cloudformation.analysis.spelling import meant
from quilt_cfn.cloudformation.launch import evaluate

SCRIPT = """\
#!/bin/bash
cat >/etc/nginx/conf.d/app.conf <<'EOF'
server { listen 80; }
EOF
tee /etc/systemd/system/app.service <<-EOF >/dev/null
\t[Service]
\tExecStart=/bin/sh -c 'echo \\$HOME'
\tEOF
python3 - <<'EOF'
print("a")
EOF
sudo bash -c 'echo b'
cat <<EOF >/etc/app.json
{"name": "$NAME"}
EOF
"""


def test_the_instance_has_these_programs_and_files(stack):
    found = {each.name: each.kind for each in embedded(stack.launch) if each.file}
    assert found["/opt/quilt/nginx.conf"] == "nginx"
    assert found["/etc/systemd/system/quilt-refresh.service"] == "systemd"
    assert {found[each] for each in ("/opt/quilt/boot", "/opt/quilt/steps.sh", "/home/ec2-user/start.sh")} == {"shell"}
    assert {each.kind for each in embedded(stack.launch) if each.name == "the user data"} == {"shell", "Python 3"}


def test_a_program_inside_the_user_data_begins_at_its_line(stack):
    (program,) = (each for each in embedded(stack.launch) if each.kind == "Python 3" and each.name == "the user data")
    lines = stack.user_data.splitlines()
    assert program.text.splitlines()[1] == lines[program.line + 1] == "import asyncio"


def test_what_a_script_writes_and_runs():
    launch = evaluate({"Resources": {"Server": server(SCRIPT)}}, {})
    found = [(each.file, each.kind, each.line) for each in embedded(launch)]
    assert found == [
        ("", "shell", 0),
        ("/etc/nginx/conf.d/app.conf", "nginx", 2),
        ("/etc/systemd/system/app.service", "systemd", 5),
        ("", "Python 3", 9),
        ("", "shell", 11),
    ]
    # As the shell writes it: without tabs, and without the backslash before a dollar.
    assert embedded(launch)[2].text == "[Service]\nExecStart=/bin/sh -c 'echo $HOME'\n"


def test_user_data_that_is_not_in_base64_is_not_read():
    plain = {"Type": "AWS::EC2::Instance", "Properties": {"UserData": "#!/bin/bash\necho 'é'\n"}}
    assert embedded(evaluate({"Resources": {"Server": plain}}, {})) == ()


def server(user_data):
    return {"Type": "AWS::EC2::Instance", "Properties": {"UserData": {"Fn::Base64": user_data}}}


def test_one_slip_away_from_a_name():
    known = ("ExecStart", "Restart", "User")
    near = {each: meant(each, known) for each in ("ExecStrat", "execstart", "ExecStar", "ExecStarts", "EkecStart")}
    assert set(near.values()) == {"ExecStart"}
    assert [meant(each, known) for each in ("ExecStop", "Restrt2", "Uses", "Path")] == [None] * 4
