#!/bin/bash
# Becomes an EC2 instance for a test: a copy-on-write root in namespaces of its own, of which nothing is left behind.
#   unshare --mount --pid --fork --net --uts --ipc --kill-child instance.sh FOLDER STAND_INS CFN_TOOLS
# FOLDER/ready appears when it is up. What a real instance has and this machine has not, are stand-ins. FOLDER/settings
# says how large its DISK is, which images it has, and whether the DATABASE lives here.
set -euo pipefail
folder=$1 stand_ins=$2 cfn_tools=$3
# shellcheck source=/dev/null
. "$folder/settings"

if [ "${4:-}" != inside ]; then
    mount --make-rprivate /
    mount -t tmpfs -o "size=$DISK" tmpfs "$folder/disk"
    mkdir "$folder"/disk/{upper,work,root}
    root=$folder/disk/root
    mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/disk/upper,workdir=$folder/disk/work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    # Its own: the names of what lies there have process numbers in them, which other instances have as well.
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t sysfs sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount -t tmpfs tmpfs "$root/run"
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
    # A root of its own and not a chroot: docker exec enters the root of the namespace.
    mkdir "$root/old-root"
    cd "$root"
    pivot_root . old-root
    umount --lazy /old-root
    exec bash "$stand_ins/../instance.sh" "$@" inside
fi

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
program() { cat >"$1" && chmod 755 "$1"; }

# Amazon Linux: its user, its helpers, and a systemctl that starts what is asked for. podman plays the Docker engine.
useradd --create-home ec2-user
groupadd docker 2>/dev/null || true
mkdir -p /opt/aws/bin /var/lib/cloud/data /etc/containers
echo i-0123456789abcdef0 >/var/lib/cloud/data/instance-id
for tool in cfn-init cfn-signal; do
    program /usr/local/bin/$tool <<<"#!/bin/sh
PATH=/usr/bin PYTHONPATH=$cfn_tools exec $cfn_tools/python2.7 $cfn_tools/bin/$tool --url http://127.0.0.1:9000 \"\$@\""
    ln -s /usr/local/bin/$tool /opt/aws/bin/$tool
done
program /usr/local/bin/aws <<<"#!/bin/sh
exec /usr/bin/python3 -SE $stand_ins/aws.py \"\$@\""
# It steps the clock, unless its time sources are silent.
program /usr/local/bin/chronyc <<'END'
#!/bin/sh
[ ! -e /run/no-time ] || exit 1
[ ! -e /run/clock ] || echo +0 >/run/clock
END
echo "ec2-user ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ec2-user
program /usr/local/bin/systemctl <<'END'
#!/bin/sh
echo "$*" >>/run/systemctl
[ "$*" = "restart docker" ] && [ ! -S /run/docker.sock ] || exit 0
unset BASH_ENV
PATH=/usr/bin:/usr/sbin
setsid podman system service --time=0 unix:///run/docker.sock >/run/podman.log 2>&1 &
until [ -S /run/docker.sock ]; do sleep 0.05; done
chmod 666 /run/docker.sock
END
cat >/etc/containers/containers.conf <<END
[containers]
volumes = ["/usr:/usr:ro", "$stand_ins:/stand-ins:ro"]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
[network]
network_backend = "netavark"
END
printf '[storage]\ndriver = "vfs"\nrunroot = "/run/containers"\ngraphroot = "/var/lib/containers"\n' >/etc/containers/storage.conf
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json

# Images under the real names: links into this machine's /usr, and the stand-ins.
image=$(mktemp -d)
mkdir -p "$image"/{dev,etc/nginx,home/quilt/scripts,opt,proc,root,run,stand-ins,sys,tmp,usr,var/lib/nginx,var/log/nginx}
chmod 755 "$image"
chmod 1777 "$image/tmp"
ln -s usr/bin usr/lib usr/lib64 usr/sbin "$image"
cp /etc/ld.so.cache "$image/etc"
cp /etc/nginx/uwsgi_params "$image/etc/nginx"
printf '%s\n' root:x:0:0::/root:/bin/sh quilt:x:1234:1234::/home/quilt:/bin/sh nobody:x:65534:65534::/:/bin/false \
    www-data:x:33:33::/:/bin/false >"$image/etc/passwd"
printf '%s\n' root:x:0: quilt:x:1234: nogroup:x:65534: www-data:x:33: >"$image/etc/group"
install -m 755 "$stand_ins/create_admin.py" "$image/home/quilt/scripts"
install -m 755 "$stand_ins/flask.py" "$image/opt/flask"
tar -C "$image" -cf /tmp/image.tar .
podman import --quiet --change 'ENV PATH=/opt:/usr/sbin:/usr/bin' --change 'USER quilt' --change 'WORKDIR /home/quilt' \
    --change 'CMD ["/usr/bin/python3", "/stand-ins/registry.py"]' /tmp/image.tar "$REGISTRY_IMAGE" >/dev/null
podman import --quiet --change 'CMD ["/usr/bin/python3", "/stand-ins/catalog.py"]' /tmp/image.tar "$CATALOG_IMAGE" >/dev/null
podman import --quiet --change 'ENV PATH=/usr/sbin:/usr/bin' /tmp/image.tar "$NGINX_IMAGE" >/dev/null

# The network: the metadata service's address, the database's, and the way from the containers to both.
ip link set lo up
ip address add 169.254.169.254/32 dev lo
sysctl --quiet net.ipv4.ip_forward=1
iptables --table nat --append OUTPUT --destination 169.254.169.254 --protocol tcp --dport 80 --jump REDIRECT --to-ports 9000
python3 "$stand_ins/aws_apis.py" "$folder" &

if [ "$DATABASE" = elsewhere ]; then
    touch "$folder/ready"
    exec sleep infinity
fi

# The database: a real PostgreSQL that wants a password, and TLS from outside.
postgres=$(echo /usr/lib/postgresql/*/bin)
ip address add 10.42.1.10/32 dev lo
mkdir -p /run/postgresql /run/data
chown postgres /run/postgresql /run/data
as_postgres() { runuser --user postgres -- env PGPASSWORD="$(cat "$folder/password")" "$@"; }
install -o postgres "$folder/password" /run/data/password
as_postgres "$postgres/initdb" --pgdata /run/data/db --auth scram-sha-256 --username quilt --pwfile /run/data/password >/dev/null
openssl req -new -x509 -nodes -subj /CN=database -keyout /run/data/db/server.key -out /run/data/db/server.crt 2>/dev/null
chown postgres /run/data/db/server.*
echo "hostssl all all 0.0.0.0/0 scram-sha-256" >>/run/data/db/pg_hba.conf
printf '%s\n' "listen_addresses = '10.42.1.10'" 'ssl = on' 'fsync = off' >>/run/data/db/postgresql.conf
program /usr/local/bin/database <<END
#!/bin/sh
cd / && exec runuser --user postgres -- $postgres/pg_ctl --pgdata /run/data/db --wait --log /run/data/log --mode immediate "\$@"
END
database start >/dev/null
as_postgres psql --quiet --host 10.42.1.10 --username quilt --dbname postgres --command "create database quilt"

touch "$folder/ready"
exec sleep infinity
