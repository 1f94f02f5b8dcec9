#!/bin/bash
# Becomes an EC2 instance for a test: a copy-on-write root and namespaces of its own, of which nothing is left behind.
#   unshare --mount --pid --fork --net --uts --ipc --kill-child bash instance.sh FOLDER
# The file FOLDER/ready appears when the instance is up. bash reads FOLDER/settings: the size of the DISK; BAKED, the
# archive of a machine image, or empty for Amazon Linux; REGISTRIES, the hosts of container registries; whether to
# RECORD who connects to whom; whether the DATABASE is here or elsewhere; and STACK, the folder that instances of one
# stack have in common.
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
    docker=$(readlink --canonicalize "$(command -v docker)")
    if [ "$BAKED" ]; then
        tar --extract --xattrs --xattrs-include="*" --file "$BAKED" --directory "$folder/disk/upper"
    else
        # Amazon Linux has nothing of what people and programs have left on this computer, no Docker, and no browser,
        # whose settings have a token.
        hidden=()
        for path in /*; do
            [[ $path = /@(bin|boot|dev|etc|lib*|proc|run|sbin|sys|usr|var) || ! -d $path ]] || hidden+=("$path")
        done
        hidden+=(/etc/chromium.d /etc/ssh /etc/ssl/private /var/lib/{amazon,cloud,containers,docker} /var/{cache,log,spool,tmp})
        # A device of this number hides what is below: https://docs.kernel.org/filesystems/overlayfs.html
        for path in "${hidden[@]}" "$docker" /usr/bin/docker /usr/local/bin/docker; do
            [ ! -e "$path" ] || [ -e "$folder/disk/upper$path" ] || {
                mkdir -p "$folder/disk/upper${path%/*}"
                mknod "$folder/disk/upper$path" c 0 0
            }
        done
    fi
    mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/disk/upper,workdir=$folder/disk/work" "$root"
    mkdir -p "$root"/{etc/ssh,home,media,mnt,opt,srv,tmp,var/{cache,log,spool,tmp}}
    [ -e "$root/root" ] || mkdir -m 700 "$root/root"
    chmod 1777 "$root"/{tmp,var/tmp}
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
    # What the harness needs lies where it is no part of a machine image.
    mkdir -p "$root"/run/harness/{checkout,disk,folder,python,stack}
    mount --bind "$checkout" "$root/run/harness/checkout"
    mount -o remount,bind,ro "$root/run/harness/checkout"
    mount --bind "$folder/disk/upper" "$root/run/harness/disk"
    mount --bind "$folder" "$root/run/harness/folder"
    mount --bind "$(dirname "$(dirname "$(readlink --canonicalize "$tools/python2.7")")")" "$root/run/harness/python"
    mount --bind "$STACK" "$root/run/harness/stack"
    touch "$root/run/harness/docker"
    mount --bind "$docker" "$root/run/harness/docker"
    # Not a chroot: docker exec enters the root of the mount namespace.
    mkdir "$root/old-root"
    cd "$root"
    pivot_root . old-root
    umount --lazy /old-root
    rmdir /old-root
    exec bash /run/harness/checkout/tests/boot/instance.sh /run/harness/folder inside
fi
STACK=/run/harness/stack

program() { cat >"$1" && chmod 755 "$1"; }

if [ "$RECORD" ]; then
    /usr/bin/python3 -SE "$stand_ins/connections.py" "$folder/connections" &
    until [ -e "$folder/connections" ]; do sleep 0.01; done
fi

[ "$BAKED" ] || bash "$tests/amazon_linux.sh"

# What the first start of an instance leaves: https://docs.aws.amazon.com/linux/al2023/ug/cloud-init.html
id=$(<"$folder/instance-id")
hostname "$id.ec2.internal"
rm -f /etc/hosts /etc/resolv.conf
echo "127.0.0.1 localhost $id.ec2.internal" >/etc/hosts
echo "$id.ec2.internal" >/etc/hostname
mkdir -p /var/lib/cloud/{data,instances/"$id"} "/var/lib/amazon/ssm/$id"
echo "$id" >/var/lib/cloud/data/instance-id
echo "$id" | tee "/var/lib/amazon/ssm/$id/registration" >/var/log/cloud-init.log
md5sum "$folder/instance-id" | cut -c 1-32 >/etc/machine-id
for home in /root /home/ec2-user; do
    [ -e "$home/.ssh" ] || mkdir -m 700 "$home/.ssh"
    echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 my-key" >"$home/.ssh/authorized_keys"
done
chown -R ec2-user /home/ec2-user/.ssh
echo "the private key of $id" >/etc/ssh/ssh_host_ed25519_key
ln -s "$folder/lifecycle-state" /run/lifecycle-state

# The memory of a t3.small, whatever this computer has. Swap is only there in name: a file on this root can't be any,
# and the computer's would be everybody's.
printf '%s kB\n' "MemTotal: 1945600" "MemAvailable: 1167360" "SwapTotal: 0" "SwapFree: 0" >/run/meminfo
mount --bind /run/meminfo /proc/meminfo
if swap=$(grep --only-matching '^/[^ ]* none swap' /etc/fstab); then swapon "${swap%% *}"; fi

# The VPC's name server; and a way to everywhere else, at the end of which is nobody.
ip link set lo up
ip address add 169.254.169.253/32 dev lo
echo "nameserver 169.254.169.253" >/etc/resolv.conf
ip link add internet arp off type veth peer name nobody
ip link set nobody up
ip link set internet up
ip address add 192.0.2.2/32 dev internet
ip route add default dev internet metric 1000
if [ -e /proc/sys/net/ipv6 ]; then
    ip address add fd00::2/128 dev internet nodad
    ip -6 route add default dev internet metric 1000
fi

# The Internet: container registries with the images, and the web servers of RDS's certificates and of packages.
ip address add 198.51.100.1/32 dev lo
ip address add 198.51.100.2/32 dev lo
mapfile -t names < <(printf '%s=198.51.100.1\n' "${REGISTRIES[@]}"
    printf '%s=198.51.100.2\n' truststore.pki{,.us-gov-west-1}.rds.amazonaws.com \
        al2023-repos-us-east-1-de612dc2.s3.dualstack.us-east-1.amazonaws.com)
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj "/CN=the Internet" \
    -addext "subjectAltName=$(printf ',DNS:%s' "${names[@]%=*}" | cut -c 2-)" \
    -keyout /run/internet.pem -out /run/internet.crt 2>/dev/null
cat /run/internet.crt >>/run/internet.pem
cat /run/internet.crt >>/etc/ssl/certs/ca-certificates.crt
/usr/bin/python3 -SE "$stand_ins/internet.py" "$folder" "$STACK" 198.51.100.2 /run/internet.pem \
    "$SMTP_HOST=10.42.3.1" "${names[@]}" &
cat >/run/registry.yml <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $STACK/images}
  maintenance: {uploadpurging: {enabled: false}, readonly: {enabled: true}}
http: {addr: "198.51.100.1:443", tls: {certificate: /run/internet.pem, key: /run/internet.pem}}
END
docker-registry serve /run/registry.yml &

# AWS, at the address of the metadata service and, for what is called by name, on a port of the loopback interface.
ip address add 169.254.169.254/32 dev lo
sysctl --quiet net.ipv4.ip_forward=1
iptables --table nat --append OUTPUT --destination 169.254.169.254 --protocol tcp --dport 80 \
    --jump REDIRECT --to-ports 9000
/usr/bin/python3 "$stand_ins/aws_apis.py" "$folder" "$STACK" &

# The mail service.
ip address add 10.42.3.1/32 dev lo
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
# certify FOLDER: gives the database a certificate of the authority in FOLDER, which is made if it is not there.
program /usr/local/bin/certify <<'END'
#!/bin/bash
set -euo pipefail
cd /run/data/db
key=(-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
ca=$1/rds-ca.key bundle=$1/rds-certificates.pem
[ -e "$ca" ] || openssl req -x509 "${key[@]}" -subj /CN=RDS -keyout "$ca" -out "$bundle"
openssl req "${key[@]}" -subj /CN=10.42.1.10 -keyout server.key -out server.csr
openssl x509 -req -in server.csr -CA "$bundle" -CAkey "$ca" -out server.crt \
    -extfile <(echo subjectAltName=IP:10.42.1.10)
chown postgres server.*
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
