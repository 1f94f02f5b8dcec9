#!/bin/bash
# Becomes an EC2 instance for a test: a copy-on-write root and namespaces of its own, of which nothing is left behind.
#   unshare --mount --pid --fork --net --uts --ipc --kill-child bash instance.sh FOLDER
# The file FOLDER/ready appears when the instance is up. bash reads FOLDER/settings: the size of the DISK, the names of
# the images, IMAGE_RELEASE if the machine image is one of a release, whether the DATABASE is here or elsewhere, and the
# folder that instances of one stack have in common, STACK.
set -euo pipefail
folder=$1
tests=$(dirname "$(readlink --canonicalize "$0")")
checkout=$(dirname "$(dirname "$tests")")
stand_ins=$tests/stand_ins
tools=$checkout/.venv-boot
# shellcheck source=/dev/null
. "$folder/settings"

if [ "${2:-}" != inside ]; then
    mount --make-rprivate /
    [ "$DISK" = real ] || mount -t tmpfs -o "size=$DISK" tmpfs "$folder/disk"
    mkdir "$folder"/disk/{upper,work,root}
    root=$folder/disk/root
    mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/disk/upper,workdir=$folder/disk/work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    # Programs name shared memory after their process number, and another instance has the same numbers.
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t sysfs sysfs "$root/sys"
    if [ "$CONTROLLERS" ]; then
        mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
        for controller in $CONTROLLERS; do
            mkdir "$root/sys/fs/cgroup/$controller"
            mount -t cgroup -o "$controller" cgroup "$root/sys/fs/cgroup/$controller"
        done
    else
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    fi
    mount -t tmpfs tmpfs "$root/run"
    # The overlay shows only the file system of /, and these may lie on others.
    for path in "$checkout" "$folder" "$STACK"; do
        mkdir -p "$root$path"
        mount --bind "$path" "$root$path"
    done
    # Not a chroot: docker exec enters the root of the mount namespace.
    mkdir "$root/old-root"
    cd "$root"
    pivot_root . old-root
    umount --lazy /old-root
    exec bash "$tests/instance.sh" "$folder" inside
fi

program() { cat >"$1" && chmod 755 "$1"; }

# The accounts of Amazon Linux, and PostgreSQL's, whatever accounts this computer has.
printf '%s\n' root:x:0:0::/root:/bin/bash ec2-user:x:1000:1000::/home/ec2-user:/bin/bash \
    ssm-user:x:1001:1001::/home/ssm-user:/bin/sh postgres:x:26:26::/:/bin/bash \
    nobody:x:65534:65534::/:/usr/sbin/nologin >/etc/passwd
printf '%s\n' root:x:0: tty:x:5: postgres:x:26: docker:x:990: ec2-user:x:1000: ssm-user:x:1001: nogroup:x:65534: \
    >/etc/group
printf '%s:*:20000::::::\n' root ec2-user ssm-user postgres nobody >/etc/shadow
rm -rf /etc/gshadow /home/ec2-user /root/.docker
install --directory --owner ec2-user --group ec2-user --mode 700 /home/ec2-user
install --directory --owner ssm-user --group ssm-user --mode 700 /home/ssm-user
echo "ec2-user ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ec2-user
# The agent of Session Manager makes this user: https://github.com/aws/amazon-ssm-agent/releases/tag/2.3.68.0
echo "ssm-user ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/ssm-agent-users

# What Amazon Linux has: AWS's helpers and command line, the time, systemctl.
mkdir -p /opt/aws/bin /var/lib/cloud/data
cp "$folder/instance-id" /var/lib/cloud/data/instance-id
for tool in cfn-init cfn-signal; do
    program /usr/local/bin/$tool <<<"#!/bin/sh
PATH=/usr/bin PYTHONPATH=$tools/cfn exec $tools/python2.7 $tools/cfn/bin/$tool --url http://127.0.0.1:9000 \"\$@\""
    ln -sf /usr/local/bin/$tool /opt/aws/bin/$tool
done
cp "$stand_ins/aws.sh" /usr/local/bin/aws
# What the registry's own machine image has in addition.
if [ "$IMAGE_RELEASE" ]; then
    mkdir -p /opt/quilt-image
    echo "$IMAGE_RELEASE" >/opt/quilt-image/release
fi
# Corrects the clock, which is what libfaketime reads from /run/clock; fails when no time source answers.
program /usr/local/bin/chronyc <<'END'
#!/bin/sh
[ ! -e /run/no-time ] || exit 1
[ ! -e /run/clock ] || echo +0 >/run/clock
END
# systemctl starts the engine behind docker, knows the units that systemd-run has started, and starts the watch for the end
# of an instance that has a life cycle, with shorter pauses. The tests themselves run the refresh. With -p, bash does not
# trace these programs as it does the scripts of a boot.
ln -s "$folder/lifecycle-state" /run/lifecycle-state
program /usr/local/bin/systemctl <<'END'
#!/bin/bash -p
echo "$*" >>/run/systemctl
unset BASH_ENV
PATH=/usr/bin:/usr/sbin
unit=/run/units/${*: -1}
runs() { grep --quiet --no-messages "^State:.[^Z]" "/proc/$(<"$unit")/status"; }
case $* in
"is-active --quiet "*) [ -e "$unit" ] && runs ;;
"stop "*)
    [ -e "$unit" ] || exit 5
    kill "$(<"$unit")" 2>/dev/null
    while runs; do sleep 0.02; done
    rm "$unit"
    ;;
"enable --now "*quilt-termination.service)
    if [ ! -e /run/lifecycle-state ] || { [ -e "$unit" ] && runs; }; then exit; fi
    mkdir -p /run/units
    setsid bash <(sed "s/sleep 5/sleep 0.3/" /opt/quilt/steps.sh) watch-termination >/run/termination.log 2>&1 &
    echo $! >"$unit"
    ;;
"restart docker")
    [ ! -S /run/docker.sock ] || exit 0
    setsid podman system service --time=0 unix:///run/docker.sock >/run/podman.log 2>&1 &
    until [ -S /run/docker.sock ]; do sleep 0.02; done
    chgrp docker /run/docker.sock
    chmod 660 /run/docker.sock
    ;;
esac
END
# As an ordinary user who may listen on the ports of services.
program /usr/local/bin/systemd-run <<'END'
#!/bin/bash -p
unset BASH_ENV
PATH=/usr/local/bin:/usr/bin:/usr/sbin
while [[ $1 == --* ]]; do
    [[ $1 != --unit=* ]] || unit=/run/units/${1#--unit=}
    shift
done
mkdir -p /run/units
if systemctl is-active --quiet "${unit##*/}"; then exit 1; fi
setsid setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps +net_bind_service \
    --ambient-caps +net_bind_service "$@" >/run/starting.log 2>&1 &
echo $! >"$unit"
END
# The memory of a t3.small, whatever this computer has. Swap is only there in name: a file on this root can't be any, and
# the computer's would be everybody's.
printf '%s kB\n' "MemTotal: 1945600" "MemAvailable: 1167360" "SwapTotal: 0" "SwapFree: 0" >/run/meminfo
mount --bind /run/meminfo /proc/meminfo
program /usr/local/bin/dd <<'END'
#!/bin/bash -p
unset BASH_ENV
for word; do [[ $word != @(of|count)=* ]] || declare "$word"; done
exec /usr/bin/truncate --size "${count}M" "$of"
END
program /usr/local/bin/swapon <<'END'
#!/bin/bash -p
unset BASH_ENV
PATH=/usr/bin
touch /run/swaps
[[ $1 != --show* ]] || exec cat /run/swaps
[ "$(/usr/bin/dd if="$1" bs=1 skip=4086 count=10 status=none)" = SWAPSPACE2 ] || exit 255
echo "$1" >>/run/swaps
meminfo=$(sed "s/^\(Swap.*:\).*/\1 $(($(stat --format %s "$1") / 1024)) kB/" /run/meminfo)
echo "$meminfo" >/run/meminfo
END
# RDS's web server of certificates, to which an address in the Internet leads.
program /usr/local/bin/curl <<'END'
#!/bin/bash -p
exec /usr/bin/curl "${@/https:\/\/truststore.pki.rds.amazonaws.com/http://127.0.0.1:9000}"
END

# podman is the engine behind the docker command. It has no filter of system calls, which each container would compile.
mkdir -p /etc/containers
cat >/etc/containers/containers.conf <<END
[containers]
volumes = ["/usr:/usr:ro", "$stand_ins:/stand-ins:ro", "$tools/registry:/venv:ro"]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
seccomp_profile = "unconfined"
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
[network]
network_backend = "netavark"
firewall_driver = "iptables"
END
printf '[storage]\ndriver = "vfs"\nrunroot = "/run/containers"\ngraphroot = "/var/lib/instance/containers"\n' \
    >/etc/containers/storage.conf
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json

# The images under their real names: each is a few links into /usr, the stand-ins, and Python's packages in /venv.
image=$(mktemp -d)
mkdir -p "$image"/{dev,etc/nginx,home/{catalog,quilt/scripts},opt,proc,root,run,stand-ins,sys,tmp,usr,venv,var/{lib,log}/nginx}
chmod 755 "$image"
chmod 1777 "$image/tmp"
ln -s usr/bin usr/lib usr/lib64 usr/sbin "$image"
cp /etc/ld.so.cache "$image/etc"
cp /etc/nginx/uwsgi_params "$image/etc/nginx"
printf '%s\n' root:x:0:0::/root:/bin/sh quilt:x:1234:1234::/home/quilt:/bin/sh nobody:x:65534:65534::/:/bin/false \
    www-data:x:33:33::/:/bin/false >"$image/etc/passwd"
printf '%s\n' root:x:0: quilt:x:1234: nogroup:x:65534: www-data:x:33: >"$image/etc/group"
printf '%s\n' ID=debian 'VERSION_ID="12"' >"$image/etc/os-release"
install -m 755 "$stand_ins/create_admin.py" "$image/home/quilt/scripts"
install -m 755 "$stand_ins/flask.py" "$image/opt/flask"
printf '<title>catalog</title>' >"$image/home/catalog/index.html"
printf 'quilt%.0s' {1..20000} >"$image/home/catalog/script.js"
tar -C "$image" -cf /tmp/image.tar .
make_image() { podman import --quiet "${@:2}" /tmp/image.tar "$1" >/dev/null; }
make_image "$REGISTRY_IMAGE" --change 'ENV PATH=/venv/bin:/opt:/usr/sbin:/usr/bin' --change 'USER quilt' \
    --change 'ENV SQLALCHEMY_SILENCE_UBER_WARNING=1' --change 'WORKDIR /home/quilt' \
    --change 'CMD ["python3", "/venv/bin/uwsgi", "--ini", "/stand-ins/uwsgi.ini"]'
nginx=(--change 'ENV PATH=/usr/sbin:/usr/bin')
make_image "$CATALOG_IMAGE" "${nginx[@]}" --change 'CMD ["/stand-ins/catalog.sh"]'
make_image "$NGINX_IMAGE" "${nginx[@]}"

# AWS, at the address of the metadata service and, for what is called by name, on a port of the loopback interface.
ip link set lo up
ip address add 169.254.169.254/32 dev lo
sysctl --quiet net.ipv4.ip_forward=1
iptables --table nat --append OUTPUT --destination 169.254.169.254 --protocol tcp --dport 80 \
    --jump REDIRECT --to-ports 9000
/usr/bin/python3 "$stand_ins/aws_apis.py" "$folder" "$STACK" &

# The mail service, under the name that the stack has for it.
ip address add 10.42.3.1/32 dev lo
echo "10.42.3.1 $SMTP_HOST" >>/etc/hosts
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj "/CN=$SMTP_HOST" \
    -keyout /run/mail.pem -out /run/mail.crt 2>/dev/null
cat /run/mail.crt >>/run/mail.pem
program /usr/local/bin/mail-service <<END
#!/bin/sh
exec /usr/bin/python3 -SE $stand_ins/mail.py $folder 10.42.3.1 $SMTP_PORT /run/mail.pem
END
mail-service &
echo $! >/run/mail.pid

if [ "$DATABASE" = elsewhere ]; then
    touch "$folder/ready"
    exec sleep infinity
fi

# The database: a real PostgreSQL that wants a password and TLS. As in RDS its superuser is not the customer's, and the
# master user is none, but owns the databases that are there from the beginning.
postgres=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort --version-sort | tail --lines 1 | xargs dirname)
ip address add 10.42.1.10/32 dev lo
install --directory --owner postgres /run/postgresql /run/data
ln -sf "$postgres/psql" /usr/local/bin/psql
as_postgres() { runuser --user postgres -- "$@"; }
as_postgres "$postgres/initdb" --pgdata /run/data/db --auth trust --username rdsadmin --no-sync >/dev/null
printf '%s\n' "local all rdsadmin trust" "hostssl all all 0.0.0.0/0 scram-sha-256" >/run/data/db/pg_hba.conf
printf '%s\n' "listen_addresses = '10.42.1.10'" "unix_socket_directories = '/run/postgresql'" 'ssl = on' 'fsync = off' \
    "log_statement = 'all'" >>/run/data/db/postgresql.conf
# certify FOLDER: gives the database a certificate, which RDS signs; its own authority goes into the bundle in FOLDER.
program /usr/local/bin/certify <<'END'
#!/bin/bash
set -euo pipefail
cd /run/data/db
key=(-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
openssl req -x509 "${key[@]}" -subj /CN=RDS -keyout ca.key -out ca.crt
openssl req "${key[@]}" -subj /CN=10.42.1.10 -keyout server.key -out server.csr
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -out server.crt -extfile <(echo subjectAltName=IP:10.42.1.10)
chown postgres server.*
cp ca.crt "$1/rds-certificates.pem"
END
certify "$STACK" 2>/dev/null
program /usr/local/bin/database <<END
#!/bin/sh
cd /
exec runuser --user postgres -- \
    $postgres/pg_ctl --pgdata /run/data/db --wait --log /run/data/log --mode immediate "\$@"
END
database start >/dev/null
install --owner postgres "$folder/password" /run/data/password
as_postgres psql --quiet --host /run/postgresql --username rdsadmin --dbname postgres <<'END'
\set password `cat /run/data/password`
create role rds_superuser;
grant pg_monitor, pg_signal_backend to rds_superuser;
create role quilt login createrole createdb password :'password' in role rds_superuser;
alter database postgres owner to quilt;
alter database template1 owner to quilt;
END

touch "$folder/ready"
exec sleep infinity
