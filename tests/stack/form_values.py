"""Values that each field of the form accepts, and values that it refuses: what people type, mistype and try."""

from __future__ import annotations

UUID = "01234567-89ab-cdef-0123-456789abcdef"
MULTI_REGION_KEY = "mrk-0123456789abcdef0123456789abcdef"
CERTIFICATE = f"arn:aws:acm:us-east-1:111122223333:certificate/{UUID}"
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
LABEL63 = "a" * 63

BUCKETS_ACCEPTED = [
    "example-packages", "abc", "a" * 63, "123", "a-b", "a--b", "quilt.".rstrip("."), "packages-111122223333", "xn-bucket",
    "sthre-e", "amzn-s3-demobucket", "s3alias", "my-s3alias1", "ol-s3", "data-ol-s3", "x-s3", "my-x-s3", "table-s3",
    "my-table-s3", "ban", "kansan", "data-and", "0data0",
]  # fmt: skip
BUCKETS_REFUSED = [
    "ab", "a" * 64, "Example", "under_score", "with.dot", "192.168.5.4", "-leading", "trailing-", "xn--bucket",
    "sthree-bucket", "sthree-configurator-x", "amzn-s3-demo-bucket", "bucket-s3alias", "bucket--ol-s3", "bucket--x-s3",
    "bucket--table-s3", "bucket-111122223333-us-west-2-an", "bucket.mrap", "with space", "bucket\n", "bücket", "a/b", "a*b",
]  # fmt: skip
RANGES_ACCEPTED = [
    "198.51.100.7/32", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "203.0.113.0/24", "1.1.1.1/32", "223.255.255.255/32",
    "100.64.0.0/10", "8.8.8.8/31", "11.12.13.14/9", "99.100.101.102/19", "199.200.249.250/25", "209.210.219.220/30",
    "1.0.0.0/8", "9.99.199.255/20", "127.0.0.1/32", "192.0.2.0/29", "192.0.2.128/26", "20.30.40.50/11", "5.6.7.8/28",
]  # fmt: skip
RANGES_REFUSED = [
    "", "0.0.0.0/8", "10.0.0.0/7", "10.0.0.0/0", "10.0.0.0", "10.0.0.0/33", "256.0.0.1/32", "10.256.0.1/32",
    "10.0.0.999/32", "010.0.0.1/32", "10.01.0.1/32", "10.0.0.1/08", "224.0.0.1/32", "255.255.255.255/32", "10.0.0/24",
    "10.0.0.0.0/24", "::/0", "2001:db8::/32", "10.0.0.1 /32", " 10.0.0.1/32", "10.0.0.1/32\n", "a.b.c.d/32", "10.0.0.1/",
    "10.0.0.1/24,10.0.1.0/24", "-1.0.0.0/8",
]  # fmt: skip
ZONES_ACCEPTED = [
    "", "us-east-1a", "us-east-1f", "eu-central-1b", "ap-southeast-7c", "us-gov-west-1a", "cn-north-1d", "me-central-1a",
    "sa-east-1c", "af-south-1a", "il-central-1b", "ca-west-1c", "mx-central-1a", "eu-south-2a", "ap-northeast-3b",
    "eusc-de-east-1a", "us-west-2d", "ap-east-1a", "cn-northwest-1c", "us-gov-east-1b", "eu-isoe-west-1a",
]  # fmt: skip
ZONES_REFUSED = [
    "us-east-1", "a", "use1-az1", "us-east-1A", "US-EAST-1A", "us-east-1ab", " us-east-1a", "us-east-1a ", "us-east-1a\n",
    "us-east-1a,us-east-1b", "us-east-a", "us_east_1a", "useast1a", "us-east-1-a", "us-east-1-bos-1a", "1a", "zone a",
    "us-east-1ä", "us--east-1a", "-us-east-1a", "us-east-123a", "us-east-1a/b",
]  # fmt: skip
REGIONS_ACCEPTED = [
    "", "us-east-1", "eu-central-1", "ap-southeast-7", "us-gov-west-1", "cn-north-1", "me-central-1", "sa-east-1", "af-south-1",
    "il-central-1", "ca-west-1", "mx-central-1", "eu-south-2", "ap-northeast-3", "eusc-de-east-1", "us-west-2", "ap-east-1",
    "cn-northwest-1", "us-gov-east-1", "eu-isoe-west-1", "eu-west-1",
]  # fmt: skip
REGIONS_REFUSED = [
    "us-east-1a", "US-EAST-1", "us-east", "useast1", "us_east_1", " us-east-1", "us-east-1 ", "us-east-1\n", "1", "us", "us-east-",
    "-us-east-1", "us--east-1", "us-east-123", "us-east-1,eu-west-1", "eu-west-1/x", "us-east-1ä", "*", "Ireland", "use1", "us-1",
]  # fmt: skip
DIGEST = f"@sha256:{'0123456789abcdef' * 4}"
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
IMAGES_ACCEPTED = [
    "", "example/registry:2.9.15", "registry:1", "docker.io/quiltdata/registry:2.9.15", f"quiltdata/registry:2.9.15{DIGEST}",
    f"quiltdata/registry{DIGEST}", "registry.example.com/quilt/registry:2.9.15", "registry.example.com:5000/registry:v1",
    f"registry.example.com:5000/a/b/c/d:v1{DIGEST}", "localhost:5000/registry:1", "10.42.0.7:5000/registry:1",
    "public.ecr.aws/example/registry:1", "ghcr.io/example/registry:sha-0a1b2c3", "quay.io/example/my_registry:1",
    "example/my__registry:1", "example/my--registry:1", "example/my.registry:1", "example/registry:Build_7.RC-1",
    "example/registry:_", f"example/registry:{'a' * 128}", f"{ECR}/registry:2.9.15", f"{ECR}/team/registry{DIGEST}",
    f"{ECR}/example.com/team/registry:2.9.15{DIGEST}", f"{ECR.replace('us-east-1', 'us-gov-west-1')}/registry:1",
    f"{ECR.replace('us-east-1', 'ap-southeast-7')}/a/b:1", "123/456:7", "dkr.ecr.example/registry:1",
    "a-dkr.ecr-b.example.com/registry:1",
]  # fmt: skip
IMAGES_REFUSED = [
    "registry", "example/registry", "registry.example.com:5000/registry", f"{ECR}/registry", "example/registry:",
    "example/registry@", "example/registry:.1", "example/registry:-1", f"example/registry:{'a' * 129}",
    "example/registry@sha256:0123", f"example/registry{DIGEST[:-1]}", f"example/registry{DIGEST}0",
    f"example/registry{DIGEST.upper()}", f"example/registry{DIGEST}:1", "example/registry:1:2", "example/registry@1",
    "https://registry.example.com/registry:1", "Example/registry:1", "REGISTRY.example.com/registry:1", "/registry:1",
    "example//registry:1", "example/registry/:1", "example/_registry:1", "example/registry_:1", "example/reg___istry:1",
    "example/reg..istry:1", "example/registry:1 ", " example/registry:1", "example/registry:1\n", "example/regi stry:1",
    "example/registry:$(id)", "example/registry:`id`", "example/registry:1;id", "example/registry:1'", 'example/registry:"1"',
    "example/registry:1\\", "example/registry:1&id", "example/registry:1|id", "example/registry:${TAG}", "-v:1",
    "--privileged", "example/registry:é", "-registry.example.com/registry:1", "registry-.example.com/registry:1",
    "registry.example.com:/registry:1", "registry.example.com:500000/registry:1", "[::1]:5000/registry:1",
    "user@registry.example.com/registry:1", "{{resolve:ssm:image}}",
    # Registries of ECR at which no permission is granted.
    f"{ECR}.cn/registry:1", "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu/registry:1",
    "111122223333.dkr-ecr.us-east-1.on.aws/registry:1", "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com/registry:1",
    "111122223333.dkr.ecr.us-east-1.amazonaws.com:443/registry:1", "11112222333.dkr.ecr.us-east-1.amazonaws.com/registry:1",
    "111122223333.dkr.ecr.us-east-1.example.com/registry:1", "111122223333.dkr.ecr.amazonaws.com/registry:1",
    "registry.dkr.ecr.example.com:5000/registry:1",
]  # fmt: skip
HOSTS_ACCEPTED = [
    "quilt.example.com", "example.com", "a.bc", "quilt-registry.example.com", "q1.example.com", "1.example.com",
    "xn--bcher-kva.example.com", "a-b-c.d-e.example.org", f"{LABEL63}.com", "data.science.team.example.co.uk",
    "quilt.corp.internal", "quilt.example.technology", "a.b.c.d.e.f.g.h.io", "0.0.0.0.example.net", "x--y.example.com",
    "quilt2.eu-west-1.example.com", "q.example.museum", f"{'a' * 60}.{'b' * 60}.ab", "9lives.example.com", "m.io",
    f"{LABEL63}.{'b' * 61}.de",
]  # fmt: skip
HOSTS_REFUSED = [
    "localhost", "https://quilt.example.com", "quilt.example.com/", "quilt.example.com:443", "*.example.com",
    "quilt.example.com.", ".example.com", "quilt..example.com", "-quilt.example.com", "quilt-.example.com",
    "quilt.example.c", "quilt.example.c0m", "192.0.2.1", "quilt_1.example.com", "Quilt.example.com", " quilt.example.com",
    "quilt.example.com ", "quilt.example.com\n", "quilt example.com", "", f"{LABEL63}a.com", "quilt.example.xn--p1ai",
    f"{LABEL63}.{LABEL63}.com", "2001:db8::1", "münchen.example.com", "quilt.example.com?x", "a@example.com", "quilt.-a.com",
]  # fmt: skip
MAIL_ACCEPTED = [
    "quilt@example.com", "a@b.cd", "quilt.registry@example.com", "quilt+test@example.com", "quilt_1@example.com",
    "no-reply@mail.example.co.uk", "Quilt@example.com", "0@example.com", "a.b.c.d@example.com", "q-u-i@x-y.example.org",
    "first.last+tag@sub.example.io", "QUILT@example.com", "1.2@3.example.com", "x_y_z@example.museum", "_@example.com",
    "team@data.example.technology", "-a@example.com", f"{'a' * 64}@example.com", "alerts@example.net", "ops@example.de",
    "quilt@EXAMPLE.com", "Quilt@Mail.Example.COM", f"{'a.' * 31}bc@example.com",
]  # fmt: skip
MAIL_REFUSED = [
    "quilt", "@example.com", "quilt@", "quilt@example", "Quilt <quilt@example.com>", "quilt@example.com, b@example.com",
    "quilt@@example.com", "a@b@example.com", ".quilt@example.com", "quilt.@example.com", "qu..ilt@example.com",
    "quilt@example.com.", "quilt@-example.com", "quilt@192.0.2.1", "quilt@[192.0.2.1]", "o'brien@example.com",
    '"quilt"@example.com', "quilt@exa mple.com", " quilt@example.com", "quilt@example.com\n", "quilt$HOME@example.com",
    "`id`@example.com", "münz@example.com", "a\\b@example.com", f"a@{'b.' * 126}com", f"{'a' * 65}@example.com",
    f"{'a.' * 32}b@example.com",
]  # fmt: skip
SECRET_ACCEPTED = [
    "AKIAIOSFODNN7EXAMPLE", "BPJ1wLkn8tTnUlQeQ0/sGYm9S7dFp+4Kxq==", "apikey", "postmaster@mg.example.com", "a", PRINTABLE,
    "$HOME", "`id`", "$(id)", "'quoted'", '"quoted"', "back\\slash", "a;b|c&d", "{{name}}", "{{resolve}}", "%s%n", "x" * 256,
    "#!/bin/sh", "!history", "~root", "a=b", "{{-resolve:x}}", "*?[a-z]",
]  # fmt: skip
SECRET_REFUSED = [
    "", "with space", " leading", "trailing ", "tab\tin", "new\nline", "ends\n", "ümlaut", "nul\0", "del\x7f", "x" * 257,
    "{{resolve:ssm:name:1}}", "a{{resolve:secretsmanager:b}}", "{{resolve:", "x{{resolve:x", "日本語", "é", "\u2028", "\r",
    "a\u00a0b", "\x1b[0m", "😀",
]  # fmt: skip

ACCEPTED: dict[str, list[str]] = {
    "CatalogHost": HOSTS_ACCEPTED,
    "RegistryHost": HOSTS_ACCEPTED,
    "SmtpHost": ["", *HOSTS_ACCEPTED, "SMTP.Example.com", "smtp.example.COM", "Quilt.example.com"],
    "SmtpDefaultSender": MAIL_ACCEPTED,
    "AlarmEmail": ["", *MAIL_ACCEPTED],
    "SmtpUsername": SECRET_ACCEPTED,
    "SmtpPassword": SECRET_ACCEPTED,
    "CertificateArn": [
        CERTIFICATE,
        *(
            f"arn:{partition}:acm:{region}:111122223333:certificate/{UUID}"
            for partition, region in [
                ("aws", "eu-central-1"), ("aws", "ap-southeast-7"), ("aws", "mx-central-1"), ("aws", "us-west-2"),
                ("aws", "af-south-1"), ("aws", "il-central-1"), ("aws", "ca-west-1"), ("aws", "me-south-1"),
                ("aws", "sa-east-1"), ("aws", "eu-isoe-west-1"), ("aws-cn", "cn-north-1"), ("aws-cn", "cn-northwest-1"),
                ("aws-us-gov", "us-gov-east-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-eusc", "eusc-de-east-1"),
                ("aws-iso", "us-iso-east-1"), ("aws-iso-b", "us-isob-east-1"), ("aws-iso-e", "eu-isoe-west-1"),
                ("aws-iso-f", "us-isof-south-1"), ("aws-iso-f", "us-isof-east-1"),
            ]
        ),
    ],
    "RegistryImage": IMAGES_ACCEPTED,
    "CatalogImage": IMAGES_ACCEPTED,
    "PackageBucket": BUCKETS_ACCEPTED,
    "ExistingBucket": ["", *BUCKETS_ACCEPTED],
    "DBPassword": [
        "correct-horse-battery", "a" * 8, "a" * 128, "a:b?c=d&e#$x", "'quoted'1", "back\\slash", "$(reboot)", "`reboot`",
        "{{name}}12", "{{resolve}}", "!#$&'()*+,-.", ":;<=>?[]^_`{|}~0", "Tr0ub4dor&3", "12345678", "p|p|p|p|", "~~~~~~~~",
        "<script>1", "a=b;c=d;e", "--------", "\\'\\'\\'\\'\\'",
    ],
    "HostedZoneId": ["", "Z0123456789ABCDEFGHIJ", "Z1234", "ZABC", f"Z{'A' * 31}", *(f"Z{n:019d}X" for n in range(16))],
    "DBSnapshotIdentifier": [
        "", "quilt-2026-11-01", "a", "rds:my-registry-database-2026-11-01-03-12", "awsbackup:job-0f1e2d3c", "A1", "a-b-c",
        "arn:aws:rds:us-east-1:111122223333:snapshot:quilt", "arn:aws-cn:rds:cn-north-1:111122223333:snapshot:rds:quilt-1",
        "arn:aws-us-gov:rds:us-gov-west-1:111122223333:snapshot:awsbackup:job-1", "Quilt", "q1-2", "snap-0", "final-snapshot",
        "my-registry-snapshot-database-1abc2def", "x" * 255, "a1b2", "Before-Upgrade", "rds:a", "old",
    ],
    "SshInputCIDR": RANGES_ACCEPTED,
    "HttpsInputCIDR": ["0.0.0.0/0", *RANGES_ACCEPTED],
    "VpcCidr": [
        "10.42.0.0/16", "10.0.0.0/16", "10.255.0.0/16", "10.1.2.0/20", "10.42.16.0/20", "10.42.128.0/17", "10.99.64.0/18",
        "10.7.32.0/19", "172.16.0.0/16", "172.16.0.0/20", "172.16.240.0/20", "192.168.0.0/16", "192.168.0.0/17", "192.168.16.0/20",
        "192.168.128.0/18", "192.168.224.0/19", "10.200.0.0/16", "10.100.0.0/20", "10.0.240.0/20", "10.249.250.0/20",
    ],
    "BackupRegion": REGIONS_ACCEPTED,
    "BackupKeyId": [
        "", UUID, MULTI_REGION_KEY, "1234abcd-12ab-34cd-56ef-1234567890ab", "00000000-0000-0000-0000-000000000000",
        "mrk-1234abcd12ab34cd56ef1234567890ab", *(f"{n:08x}-{UUID[9:]}" for n in range(16)),
    ],
    "AvailabilityZone1": ZONES_ACCEPTED,
    "AvailabilityZone2": ZONES_ACCEPTED,
    "TeamId": [
        "example", "ab", "a" * 20, "teams", "quilts", "publicx", "anonymousx", "myteam", "zz", "datascience", "ateam", "xpublic",
        "qui", "pub", "anon", "teamx", "genomics", "lab", "research", "acme",
    ],
    "TeamName": [
        "Example Data Science", "A", "x" * 64, "Johnson & Johnson", "Müller + Söhne (Berlin)", "Société Générale", "東京データ",
        "株式会社", "Яндекс", "Ελλάδα", "תל אביב", "شركة", "한국 데이터", "L\u2019Oréal", "3M", "Yahoo!", "R&D, Team #1", "A/B: Test_2",
        "e-commerce.", "Đà Nẵng", "Ørsted A/S", "กรุงเทพ", "हिन्दी",
    ],
}  # fmt: skip
REFUSED: dict[str, list[str]] = {
    "CatalogHost": HOSTS_REFUSED,
    "RegistryHost": HOSTS_REFUSED,
    "SmtpHost": [host for host in HOSTS_REFUSED if host not in ("", "Quilt.example.com")],
    "SmtpDefaultSender": ["", *MAIL_REFUSED],
    "AlarmEmail": MAIL_REFUSED,
    "SmtpUsername": SECRET_REFUSED,
    "SmtpPassword": SECRET_REFUSED,
    "CertificateArn": [
        "", UUID, CERTIFICATE.upper(), f" {CERTIFICATE}", f"{CERTIFICATE} ", f"{CERTIFICATE}\n", CERTIFICATE[:-1],
        f"{CERTIFICATE}0", CERTIFICATE.replace("acm", "iam"), CERTIFICATE.replace("certificate/", "certificate:"),
        CERTIFICATE.replace("certificate", "server-certificate"), CERTIFICATE.replace("111122223333", "11112222333"),
        CERTIFICATE.replace("111122223333", ""), CERTIFICATE.replace("us-east-1", ""), CERTIFICATE.replace("us-east-1", "*"),
        CERTIFICATE.replace("us-east-1", "useast1"), CERTIFICATE.replace("arn:aws:", "arn:aws-xx:"),
        CERTIFICATE.replace("arn:aws:", "arn:amazon:"), CERTIFICATE.replace("arn:aws:", "arn:aws-iso-a:"),
        CERTIFICATE.replace("arn:", ""), CERTIFICATE.replace("89ab", "89ag"), "arn:aws:iam::111122223333:server-certificate/x",
        f"{CERTIFICATE},{CERTIFICATE}",
    ],
    "RegistryImage": IMAGES_REFUSED,
    "CatalogImage": IMAGES_REFUSED,
    "PackageBucket": ["", *BUCKETS_REFUSED],
    "ExistingBucket": BUCKETS_REFUSED,
    "DBPassword": [
        "", "a" * 7, "a" * 129, "with space1", "with/slash", "with@sign", 'with"quote', "with%percent", "new\nline12",
        "tab\ttab12", "ümlaut12", "{{resolve:ssm:x}}", "aaaa{{resolve:", "12345678 ", " 12345678", "1234567\n", "12345678\n",
        "日本語日本語日本", "del\x7f12345", "%%%%%%%%", "a\u00a0bcdefgh",
    ],
    "HostedZoneId": [
        "Z", "ZAB", "z0123456789", "Y0123456789", "/hostedzone/Z0123456789", " Z0123456789", "Z0123456789 ", "example.com",
        "Z0123456789\n", f"Z{'A' * 32}", "Z-123456", "Z_123456", "0123456789", "Z012345678é", "Z0123456789,Z1", "ZONE.", "zone",
        "Z 123", "*", "none", "Z0123456789abc",
    ],
    "DBSnapshotIdentifier": [
        "1snapshot", "-snapshot", "snapshot-", "snap--shot", "snap_shot", "snap shot", "snap.shot", " snapshot", "snapshot ",
        "snapshot\n", "other:snapshot", "rds:", "arn:aws:rds:us-east-1:111122223333:db:quilt", "é", "a/b",
        "arn:aws:rds:us-east-1:111122223333:snapshot:", "arn:aws:rds::111122223333:snapshot:a", "snap'shot", "$(id)", "a" * 401,
        "arn:aws:rds:us-east-1:1111:snapshot:quilt",
    ],
    "SshInputCIDR": ["0.0.0.0/0", *RANGES_REFUSED],
    "HttpsInputCIDR": RANGES_REFUSED,
    "VpcCidr": [
        "", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/15", "10.0.0.0/21", "10.0.0.0/24", "10.0.0.1/16", "172.17.0.0/16", "172.31.0.0/16",
        "172.18.0.0/20", "172.16.0.0/12", "192.169.0.0/16", "100.64.0.0/16", "8.8.0.0/16", "10.42.0.0", "10.42.0.0/016", "10.256.0.0/16",
        "10.042.0.0/16", " 10.42.0.0/16", "10.42.0.0/16 ", "10.42.0.0/16\n", "fd00::/16", "127.0.0.0/16", "169.254.0.0/16",
    ],
    "BackupRegion": REGIONS_REFUSED,
    "BackupKeyId": [
        UUID.upper(), UUID[:-1], f"{UUID}0", f" {UUID}", f"{UUID} ", f"{UUID}\n", UUID.replace("-", ""), UUID.replace("a", "g"), "mrk-",
        f"mrk-{UUID}", MULTI_REGION_KEY[:-1], f"{MULTI_REGION_KEY}0", MULTI_REGION_KEY.upper(), "alias/backup", "alias/aws/rds", "key",
        f"arn:aws:kms:eu-west-1:111122223333:key/{UUID}", f"key/{UUID}", f"{UUID},{UUID}", "*", "é", UUID[:8],
    ],
    "AvailabilityZone1": ZONES_REFUSED,
    "AvailabilityZone2": ZONES_REFUSED,
    "TeamId": [
        "", "a", "a" * 21, "Example", "example1", "ex-ample", "ex_ample", "ex ample", "team", "public", "anonymous", "quilt",
        " example", "example ", "example\n", "exämple", "éa", "EXAMPLE", "a.b", "12", "a:b", "a/b", "team\n",
    ],
    "TeamName": [
        "", " ", " Example", "Example ", "x" * 65, "O'Brien", 'The "Team"', "back\\slash", "new\nline", "tab\there", "</script>",
        "<b>", "a>b", "$HOME", "$(id)", "`id`", "100%", "a=b", "What?", "????", "[x]", "{x}", "a|b", "a~b", "a^b", "a@b", "a;b", "a*b",
        "\u2028", "\u200f", "-dash", "!bang", "\u2019quote", "Example\n", "emoji 😀", "\x00", "‘x’", "\ufeffx", ".", "&", "\xa0x",
    ],
}  # fmt: skip
