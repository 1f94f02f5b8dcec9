"""The parameters: the form that a customer fills in, with every field declared once and completely.

Label, group, description, type, pattern and constraint description of a parameter stand together, here and nowhere
else. The console's groups, the conditions and the tests derive from ``FORM``.

CloudFormation matches a pattern against the whole value with Java's regular expressions. The patterns keep to what
Java and Python read alike: explicit ASCII classes (no ``\\d``), no ``[`` or ``&&`` inside a class (Java nests and
intersects there), no anchors, ``\\uXXXX`` for letters beyond ASCII (the template stays ASCII), and no repetition
that can match the same text in several ways, so that matching takes linear time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import Equals, If, Not, NoValue, Parameter, Ref, Template

from quilt_cfn.editions import Edition, MachineImage
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.choices import DB_INSTANCE_CLASSES, INSTANCE_TYPES, MAINTENANCE_WINDOWS


class Field(NamedTuple):
    """One row of the form.

    ``lengths`` and ``limits`` are the least and the most. ``free_text`` marks values that people write as they like, so
    that they reach the instance only by way of Secrets Manager or an SSM parameter; ``secret`` ones are hidden in the
    console as well (``NoEcho``).
    """

    name: str
    label: str
    description: str
    pattern: str | None = None
    constraint: str | None = None
    type: str = "String"
    default: str | int | None = None
    lengths: tuple[int, int] | None = None
    values: tuple[str, ...] | tuple[int, ...] = ()
    limits: tuple[int, int] | None = None
    secret: bool = False
    free_text: bool = False

    @property
    def ref(self) -> Ref:
        return Ref(self.name)

    @property
    def is_set_condition(self) -> str:
        """The name of the condition that holds when an optional field was filled in."""
        return f"Has{self.name}"

    def if_set(self, value: Any, otherwise: Any = NoValue) -> If:
        """``value`` where the field was filled in, else ``otherwise``."""
        return If(self.is_set_condition, value, otherwise)

    @property
    def optional(self) -> bool:
        """Whether its default, an empty text or 0, says that nothing was chosen."""
        return self.default in ("", 0)

    def declaration(self) -> Parameter:
        """The parameter as the template declares it."""
        properties: dict[str, Any] = {
            "Type": self.type,
            "Description": self.description,
            "AllowedPattern": self.pattern,
            "ConstraintDescription": self.constraint,
            "Default": self.default,
            "AllowedValues": list(self.values) or None,
            "NoEcho": self.secret or None,
        }
        if self.lengths:
            properties["MinLength"], properties["MaxLength"] = self.lengths[0] or None, self.lengths[1]
        if self.limits:
            properties["MinValue"], properties["MaxValue"] = self.limits
        return Parameter(self.name, **{name: value for name, value in properties.items() if value is not None})


class Group(NamedTuple):
    """A headed section of the form, in the console's order."""

    label: str
    fields: tuple[Field, ...]


_HOST = r"([a-z0-9][a-z0-9-]{0,62}(?<!-)\.)+[a-z]{2,63}"  # RFC 1035, 2.3.1, lower case
# In names that only mail programs look up, upper case does no harm.
_HOST_IN_ANY_CASE = _HOST.replace("a-z", "A-Za-z")
# At most 64 characters before the at sign: RFC 5321, 4.5.3.1.1.
_MAIL = rf"(?![^@]{{65}})[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@{_HOST_IN_ANY_CASE}"
_PARTITION = "aws(-cn|-us-gov|-eusc|-iso(-[bef])?)?"
_REGION = "[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"
_ACCOUNT = "[0-9]{12}"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_FIRST_OCTET = "(22[0-3]|2[01][0-9]|1[0-9]{2}|[1-9][0-9]?)"  # 0 is "this network", 224 and above no host has
_IPV4_RANGE = rf"{_FIRST_OCTET}(\.{_OCTET}){{3}}/([89]|[12][0-9]|3[0-2])"
_SNAPSHOT = "(arn:aws[a-z-]*:rds:[a-z0-9-]+:[0-9]{12}:snapshot:)?((rds|awsbackup):)?[a-zA-Z](-?[a-zA-Z0-9])*"
_BUCKET = (
    "(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]{2,62}"
    "(?<!-)(?<!-s3alias)(?<!--ol-s3)(?<!--x-s3)(?<!--table-s3)(?<!-an)"
)
_BUCKET_RULES = (
    "3 to 63 lower-case letters, digits and hyphens, without a hyphen at either end. The name can't begin with xn--, "
    "sthree- or amzn-s3-demo-, nor end in -s3alias, --ol-s3, --x-s3, --table-s3 or -an"
)
# What Docker takes as the name of an image, with the host in lower case and a tag, a digest or both behind it.
# https://github.com/distribution/reference/blob/main/reference.go
_IMAGE_LABEL = "[a-z0-9][a-z0-9-]{0,62}(?<!-)"
_IMAGE_HOST = rf"({_IMAGE_LABEL}(\.{_IMAGE_LABEL})+(:[0-9]{{1,5}})?|{_IMAGE_LABEL}:[0-9]{{1,5}})"
_IMAGE_PART = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
_IMAGE_PATH = f"{_IMAGE_PART}(/{_IMAGE_PART})*"
_IMAGE_DIGEST = "@sha256:[0-9a-f]{64}"
# A repository in ECR is in a registry of this form. ECR has others, at which no permission is granted here: for FIPS,
# for IPv6, and in partitions with another domain. https://docs.aws.amazon.com/general/latest/gr/ecr.html
_IMAGE_IN_ECR = rf"{_ACCOUNT}\.dkr\.ecr\.{_REGION}\.amazonaws\.com/{_IMAGE_PATH}"
_IMAGE = (
    rf"({_IMAGE_IN_ECR}|(?![^/]*\.dkr[.-]ecr[.-])({_IMAGE_HOST}/)?{_IMAGE_PATH})"
    rf"(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}({_IMAGE_DIGEST})?|{_IMAGE_DIGEST})"
)
_IMAGE_RULES = (
    "An image with a tag or digest, such as example/registry:2.9.15 or, in Amazon ECR, "
    "111122223333.dkr.ecr.us-east-1.amazonaws.com/example/registry:2.9.15, in lower case; or empty."
)
_KEY_ID = "(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
# CloudFormation would replace such a text by what it points to, wherever the value ends up.
_NO_DYNAMIC_REFERENCE = r"(?!.*\{\{resolve:)"
_NOT_RESOLVE = "and no resolve: behind two opening braces"
_MAIL_SECRET_RULES = f"1 to 256 letters without accents, digits and punctuation marks; no spaces, {_NOT_RESOLVE}."
# Letters, digits and combining marks of the scripts that companies write their names in; no symbols, no controls, no
# direction marks. The test holds every character of these ranges against the Unicode database.
_LETTERS = (
    r"\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02AF\u1E00-\u1EFF"  # Latin, with Vietnamese
    r"\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5"  # Greek
    r"\u0400-\u0481\u048A-\u052F"  # Cyrillic
    r"\u05D0-\u05EA\u0620-\u064A\u0671-\u06D3"  # Hebrew, Arabic
    r"\u0904-\u0939\u093E-\u094D\u0E01-\u0E3A\u0E40-\u0E4E"  # Devanagari, Thai
    r"\u3041-\u3096\u30A1-\u30FA\u30FC\u3400-\u4DBF\u4E00-\u9FFC\uAC00-\uD7A3"  # Japanese, Chinese, Korean
)
_PUNCTUATION = r"\x20&.,:!#+()/_\u2019-"

CATALOG_HOST = Field(
    name="CatalogHost",
    label="Host name of the catalog",
    description="Host name at which people will open the catalog in a browser, for example quilt.example.com.",
    pattern=_HOST,
    lengths=(4, 128),
    constraint="A host name in lower case such as quilt.example.com, without https://, port or path.",
)
REGISTRY_HOST = Field(
    name="RegistryHost",
    label="Host name of the registry",
    description=(
        "A second host name, at which the quilt command will reach the registry, for example "
        "quilt-registry.example.com."
    ),
    pattern=_HOST,
    lengths=(4, 128),
    constraint="A host name in lower case such as quilt-registry.example.com, without https://, port or path.",
)
CERTIFICATE_ARN = Field(
    name="CertificateArn",
    label="Certificate",
    description=(
        "ARN of a certificate that covers both host names; Certificate Manager shows it in this Region, as issued."
    ),
    pattern=(
        rf"arn:{_PARTITION}:acm:{_REGION}:{_ACCOUNT}:certificate/"
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    ),
    lengths=(0, 128),
    constraint="The ARN of a certificate as Certificate Manager shows it: arn:aws:acm:REGION:ACCOUNT:certificate/ID",
)
HOSTED_ZONE_ID = Field(
    name="HostedZoneId",
    label="Route 53 hosted zone",
    description=(
        "If Route 53 serves your domain, the ID of its hosted zone: the stack then makes the records of both host "
        "names. Empty: you create two CNAME records after the launch."
    ),
    pattern="(Z[A-Z0-9]{3,31})?",
    constraint="The ID of a hosted zone, such as Z0123456789ABCDEFGHIJ, or empty.",
    default="",
)
PACKAGE_BUCKET = Field(
    name="PackageBucket",
    label="Bucket to create",
    description=(
        "Name for the S3 bucket that is created for package data, which no other bucket in AWS has. Never change it "
        "in an update. The bucket stays when the stack is deleted."
    ),
    pattern=_BUCKET,
    constraint=f"{_BUCKET_RULES}.",
)
EXISTING_BUCKET = Field(
    name="ExistingBucket",
    label="Bucket of the earlier registry",
    description=(
        "A bucket that exists already in this account and Region: the registry works with this one, and the bucket to "
        "create stays empty. Empty: the registry works with the bucket to create."
    ),
    pattern=f"({_BUCKET})?",
    lengths=(0, 63),
    constraint=f"{_BUCKET_RULES}. Or empty.",
    default="",
)
OLD_VERSION_DAYS = Field(
    name="OldVersionDays",
    label="Days to keep old versions of objects",
    description=(
        "What was overwritten or deleted in the bucket is deleted for good after so many days. 0: every version is "
        "kept for ever. Only for the bucket that this stack creates; an existing bucket keeps its own rules."
    ),
    type="Number",
    values=(0, 7, 14, 30, 60, 90, 180, 365, 730, 1825, 3650),
    default=0,
)
DB_INSTANCE_TYPE = Field(
    name="DBInstanceType",
    label="Size of the database",
    description="RDS instance class: db.t3.small below 1000 users, db.m5.large for very active registries.",
    values=DB_INSTANCE_CLASSES,
    default="db.t3.small",
)
DB_PASSWORD = Field(
    name="DBPassword",
    label="Database password",
    description=(
        "A long password of your choice for the administrator of the database. Only the instance uses it; nobody has "
        "to type it again."
    ),
    # 0x21 to 0x7E but not " % / @: RDS refuses the quotation mark, the slash and the at sign, the registry's
    # migrations break on the percent sign.
    pattern=_NO_DYNAMIC_REFERENCE + "[!#$&-.0-?A-~]{8,128}",
    lengths=(8, 128),
    constraint=(
        '8 to 128 letters without accents, digits and punctuation marks, but not " % / or @; no spaces, '
        f"{_NOT_RESOLVE}."
    ),
    secret=True,
    free_text=True,
)
DB_STORAGE = Field(
    name="DBStorage",
    label="Storage of the database in GiB",
    description=(
        "Storage to begin with; it grows by itself. For a snapshot, at least as much as it has. Never lower it in an "
        "update."
    ),
    type="Number",
    default=20,
    limits=(20, 5000),
)
MAINTENANCE_WINDOW = Field(
    name="MaintenanceWindow",
    label="Weekly hour for maintenance (UTC)",
    description=(
        "In this hour RDS installs minor versions of PostgreSQL and restarts the database: the registry is away for "
        "minutes. Backups are made every day in the hour after."
    ),
    values=MAINTENANCE_WINDOWS,
    default="sun:04:00-sun:05:00",
)
BACKUP_RETENTION_DAYS = Field(
    name="BackupRetentionDays",
    label="Days to keep backups of the database",
    description="Within so many days, the database can be restored to any second.",
    type="Number",
    default=14,
    limits=(1, 35),
)
BACKUP_REGION = Field(
    name="BackupRegion",
    label="Region for a copy of the backups",
    description=(
        "RDS copies the database's backups to this other Region, which costs storage and transfer; give the key in "
        "that Region too. Empty: no copy."
    ),
    pattern=f"({_REGION})?",
    lengths=(0, 32),
    constraint="The name of another Region such as eu-west-1, or empty.",
    default="",
)
BACKUP_KEY_ID = Field(
    name="BackupKeyId",
    label="Key for that copy",
    description=(
        "ID of a symmetric KMS key of this account in that Region, which encrypts the copy there. If you change it, "
        "delete the copies that have the old key first. Empty: no copy."
    ),
    pattern=f"({_KEY_ID})?",
    lengths=(0, 36),
    constraint="The ID of a key as KMS shows it, such as 1234abcd-12ab-34cd-56ef-1234567890ab, or empty.",
    default="",
)
DB_SNAPSHOT_IDENTIFIER = Field(
    name="DBSnapshotIdentifier",
    label="Snapshot of the earlier database",
    description=(
        "Name or ARN of the snapshot to restore. Empty: the registry begins with an empty database. It may be cleared "
        "later; never set it in an update, which would replace the database."
    ),
    pattern=f"({_SNAPSHOT})?",
    lengths=(0, 400),
    constraint="The name or the ARN of an RDS snapshot in this Region, or empty.",
    default="",
)
INSTANCE_TYPE = Field(
    name="InstanceType",
    label="Size of the instance",
    description="EC2 instance type: t3.small below 1000 users, m5.large for very active registries.",
    values=INSTANCE_TYPES,
    default="t3.small",
)
KEY_NAME = Field(
    name="KeyName",
    label="Key pair",
    description="EC2 key pair with which administrators connect to the instance by SSH, as the user ec2-user.",
    type="AWS::EC2::KeyPair::KeyName",
)
SSH_INPUT_CIDR = Field(
    name="SshInputCIDR",
    label="Addresses that may use SSH",
    description=(
        "IPv4 addresses from which administrators connect: a range such as 198.51.100.0/24, or one address with /32 "
        "behind it, such as 198.51.100.7/32. It can't be everybody."
    ),
    pattern=_IPV4_RANGE,
    constraint="A range of IPv4 addresses from /8 to /32, such as 198.51.100.0/24 or 198.51.100.7/32.",
)
HTTPS_INPUT_CIDR = Field(
    name="HttpsInputCIDR",
    label="Addresses that may use the registry",
    description=(
        "Range of IPv4 addresses that may open catalog and registry. 0.0.0.0/0 lets everybody in as far as the page "
        "that asks them to log in."
    ),
    pattern=rf"0\.0\.0\.0/0|{_IPV4_RANGE}",
    constraint="0.0.0.0/0, or a range of IPv4 addresses from /8 to /32, such as 198.51.100.0/24.",
    default="0.0.0.0/0",
)
VPC_CIDR = Field(
    name="VpcCidr",
    label="Addresses of the network to create",
    description=(
        "Private IPv4 addresses for the VPC. Take others if you will connect it with a network that has these. "
        "Never change it in an update: that would replace the network and everything in it."
    ),
    # Not 172.17 to 172.31, where Docker makes the networks of its containers.
    pattern=rf"(10\.{_OCTET}|172\.16|192\.168)\.{_OCTET}\.0/(1[6-9]|20)",
    constraint=(
        "A range from /16 to /20 that begins with 10., 172.16. or 192.168. and has 0 as the last number, such as "
        "10.42.0.0/16."
    ),
    default="10.42.0.0/16",
)
AVAILABILITY_ZONE_1 = Field(
    name="AvailabilityZone1",
    label="First Availability Zone",
    description=(
        "Zone of the instance, for example us-east-1a; fill in both zones or none. Empty: the Region's first zone. "
        "Never change it to another zone in an update."
    ),
    pattern=f"({_REGION}[a-z])?",
    lengths=(0, 32),
    constraint="The name of a zone of this Region such as us-east-1a, or empty.",
    default="",
)
AVAILABILITY_ZONE_2 = Field(
    name="AvailabilityZone2",
    label="Second Availability Zone",
    description=(
        "Another zone, for example us-east-1b, because RDS wants two to choose from. Empty: the Region's second zone. "
        "Never change it to another zone in an update."
    ),
    pattern=f"({_REGION}[a-z])?",
    lengths=(0, 32),
    constraint="The name of another zone of this Region such as us-east-1b, or empty.",
    default="",
)
SMTP_DEFAULT_SENDER = Field(
    name="SmtpDefaultSender",
    label="Sender address",
    description="Address from which the registry sends its mail; your mail service has to allow it.",
    pattern=_MAIL,
    lengths=(6, 254),
    constraint="One plain mail address such as quilt@example.com, with at most 64 characters before the @.",
    free_text=True,
)
SMTP_USERNAME = Field(
    name="SmtpUsername",
    label="SMTP user name",
    description="User name at the mail service; for Amazon SES, the SMTP user name that its console created.",
    pattern=_NO_DYNAMIC_REFERENCE + "[!-~]{1,256}",
    lengths=(1, 256),
    constraint=_MAIL_SECRET_RULES,
    free_text=True,
)
SMTP_PASSWORD = Field(
    name="SmtpPassword",
    label="SMTP password",
    description="Password at the mail service; for Amazon SES, the SMTP password, which is not a secret access key.",
    pattern=_NO_DYNAMIC_REFERENCE + "[!-~]{1,256}",
    lengths=(1, 256),
    constraint=_MAIL_SECRET_RULES,
    secret=True,
    free_text=True,
)
SMTP_HOST = Field(
    name="SmtpHost",
    label="Mail server",
    description="Host name of your mail service's SMTP server. Empty: Amazon SES in this Region.",
    pattern=f"({_HOST_IN_ANY_CASE})?",
    lengths=(0, 128),
    constraint="A host name such as smtp.example.com, without a port, or empty.",
    default="",
)
SMTP_PORT = Field(
    name="SmtpPort",
    label="Port of the mail server",
    description=(
        "Port at which the mail server takes mail with STARTTLS. 587 is right for Amazon SES and most others; 25 is "
        "blocked in EC2 unless AWS opened it for you."
    ),
    type="Number",
    values=(587, 2587, 2525, 25),
    default=587,
)
TEAM_ID = Field(
    name="TeamId",
    label="Team alias",
    description="One short word for the team, which people will write before each package: alias:user/package.",
    pattern="(?!(team|public|anonymous|quilt)(?![a-z]))[a-z]{2,20}",
    constraint="2 to 20 lower-case letters; team, public, anonymous and quilt are reserved.",
)
TEAM_NAME = Field(
    name="TeamName",
    label="Team name",
    description="Name of the team as the catalog's front page shows it, for example Example Data Science.",
    # No apostrophe, quotation mark, backslash, dollar, backquote or angle bracket: the catalog pastes the name into
    # single-quoted JavaScript. No question mark either: DescribeStacks shows letters beyond ASCII as question marks,
    # and an update that sends those back is refused here instead of renaming the team.
    pattern=rf"(?![{_PUNCTUATION}])[A-Za-z0-9{_LETTERS}{_PUNCTUATION}]{{1,64}}(?<!\x20)",
    lengths=(1, 64),
    constraint=(
        "1 to 64 letters, digits, spaces and & . , : ! # + ( ) / _ - beginning with a letter or digit and not ending "
        "with a space. For an apostrophe use the curved one."
    ),
    free_text=True,
)
LOG_RETENTION_DAYS = Field(
    name="LogRetentionDays",
    label="Days to keep logs",
    description="How long CloudWatch Logs keeps the logs of the registry, its network and its database.",
    type="Number",
    values=(7, 14, 30, 60, 90, 180, 365, 400, 731, 1827, 3653),
    default=90,
)
ALARM_EMAIL = Field(
    name="AlarmEmail",
    label="Address for alarms",
    description=(
        "Mail address to write to when the registry needs attention; it first gets a mail with a link to confirm. "
        "Empty: the alarms are there, and nobody is told."
    ),
    pattern=f"({_MAIL})?",
    lengths=(0, 254),
    constraint="One plain mail address with at most 64 characters before the @, or empty.",
    default="",
    free_text=True,
)
REGISTRY_IMAGE = Field(
    name="RegistryImage",
    label="Image of the registry",
    description=(
        "Container image of a registry that you built yourself: in a public registry of images, or in Amazon ECR of "
        "this account. Give it a tag that never moves, or a digest. Empty: the image of this release."
    ),
    pattern=f"({_IMAGE})?",
    lengths=(0, 456),
    constraint=_IMAGE_RULES,
    default="",
)
CATALOG_IMAGE = Field(
    name="CatalogImage",
    label="Image of the catalog",
    description=(
        "Container image of a catalog that you built yourself: in a public registry of images, or in Amazon ECR of "
        "this account. Give it a tag that never moves, or a digest. Empty: the image of this release."
    ),
    pattern=f"({_IMAGE})?",
    lengths=(0, 456),
    constraint=_IMAGE_RULES,
    default="",
)

_MAY_STAY = "(optional: all of it may stay as it is)"
FORM = (
    Group("Team", (TEAM_ID, TEAM_NAME)),
    Group("Host names", (CATALOG_HOST, REGISTRY_HOST, CERTIFICATE_ARN)),
    Group("Package data", (PACKAGE_BUCKET,)),
    Group("Mail", (SMTP_DEFAULT_SENDER, SMTP_USERNAME, SMTP_PASSWORD)),
    Group("Database", (DB_PASSWORD,)),
    Group("Access to the instance", (KEY_NAME, SSH_INPUT_CIDR)),
    Group(f"Sizes {_MAY_STAY}", (INSTANCE_TYPE, DB_INSTANCE_TYPE)),
    Group(f"Alarms and logs {_MAY_STAY}", (ALARM_EMAIL, LOG_RETENTION_DAYS)),
    Group(f"Domain and mail service {_MAY_STAY}", (HOSTED_ZONE_ID, SMTP_HOST, SMTP_PORT)),
    Group(f"Network {_MAY_STAY}", (HTTPS_INPUT_CIDR, VPC_CIDR, AVAILABILITY_ZONE_1, AVAILABILITY_ZONE_2)),
    Group(
        f"Backups, old versions and storage {_MAY_STAY}",
        (
            BACKUP_RETENTION_DAYS,
            BACKUP_REGION,
            BACKUP_KEY_ID,
            OLD_VERSION_DAYS,
            MAINTENANCE_WINDOW,
            DB_STORAGE,
        ),
    ),
    Group("Recovery of an earlier registry (else leave it empty)", (DB_SNAPSHOT_IDENTIFIER, EXISTING_BUCKET)),
)
"""The form from top to bottom, as far as every edition has it. What has to be filled in comes first."""

IMAGES = Group(f"Container images {_MAY_STAY}", (REGISTRY_IMAGE, CATALOG_IMAGE))
"""What the form has in addition where the boot downloads the container images."""

FIELDS = tuple(field for group in (*FORM, IMAGES) for field in group.fields)
"""Every field that does not depend on the release."""


def ami_parameter(edition: Edition, release: Release) -> Field:
    """The field of the machine image.

    Where the release has an image of its own, the field's name has the release in it, because an update keeps the
    value of a field whose name did not change; see decisions.md.
    """
    if edition.machine_image is MachineImage.AMAZON_LINUX:
        return Field(
            name="AmiId",
            label="Machine image",
            description="Name under which AWS publishes the newest image of Amazon Linux. Leave it as it is.",
            type="AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
            default=release.ami_default,
        )
    numbers, _, draft = release.version.partition("-draft.")
    return Field(
        name=f"AmiIdForRelease{numbers.replace('.', 'x')}{draft and f'Draft{draft}'}",
        label="Machine image",
        description=(
            f"The image that was made for release {release.version}; AWS Marketplace fills it in. Leave it as it is: "
            "an instance that was started from another image does not serve."
        ),
        type="AWS::EC2::Image::Id",
        default=release.ami_id,
    )


def form(edition: Edition, release: Release) -> tuple[Group, ...]:
    """The form of an edition from top to bottom."""
    images = [IMAGES] if edition.machine_image is MachineImage.AMAZON_LINUX else []
    return (*FORM, *images, Group("Machine image (do not change)", (ami_parameter(edition, release),)))


def add_form(t: Template, groups: tuple[Group, ...]) -> None:
    """The parameters, the console's groups and labels, and a condition for each optional one."""
    fields = [field for group in groups for field in group.fields]
    for each in fields:
        t.add_parameter(each.declaration())
        if each.optional:
            t.add_condition(each.is_set_condition, Not(Equals(each.ref, str(each.default))))
    t.set_metadata(
        {
            "AWS::CloudFormation::Interface": {
                "ParameterGroups": [
                    {"Label": {"default": group.label}, "Parameters": [field.name for field in group.fields]}
                    for group in groups
                ],
                "ParameterLabels": {field.name: {"default": field.label} for field in fields},
            }
        }
    )
