"""What ``quilt-cfn check --explain`` says about the faults that ``check_image`` finds in a machine image."""

from __future__ import annotations

from quilt_cfn.finding import Explanation, Family

_MARKETPLACE = "https://docs.aws.amazon.com/marketplace/latest/userguide/"
_POLICY = f"{_MARKETPLACE}product-and-ami-policies.html"
_BEST_PRACTICES = f"{_MARKETPLACE}best-practices-for-building-your-amis.html"
_SHARED_AMIS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/building-shared-amis.html"
_IMDS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html"
_IMAGE_BUILDER = "https://docs.aws.amazon.com/imagebuilder/latest/userguide/security-best-practices.html"

_DELISTED = "AWS Marketplace takes the version off the list: nobody repairs"
_REFUSED = "AWS Marketplace refuses the image:"
_EVERY = "Whoever launches the image gets"
_CLEAN_UP = "clean_up.sh removes it: run that again, as the last step before the check."
_TABLE = "Where quilt_cfn/image/ends_of_life.csv does not know it, add its line, with date and source."

_ELSEWHERE = """\
Each is a line of AWS's policies for AMIs, or of the guidelines for shared AMIs that the policies point to. Of some
lines nothing shows in an image's files, and something else proves them:

- No known vulnerability, malware or virus: `bake.sh` installs all updates, and AWS Marketplace's own scan (Test "Add
  version" in its portal) has the last word.
- At most two years old, HVM, backed by EBS, no encrypted snapshot, in us-east-1, and IMDSv2 as the image's default: the
  template `quilt-image-factory.yaml`, and what `quilt-cfn marketplace plan` refuses.
- No AWS credentials asked for, a role with the least permissions, no security group that opens more than it has to, one
  image for all Regions: the editions' templates, by the rules M08, M09, M12, M13 and M17.
- No access for the seller, what is collected, what is downloaded: the usage instructions.
- That an instance of the finished image has nothing of the one that was baked, and works: `test_image.sh`."""

FAMILY = Family(
    "I: What AWS Marketplace refuses in a machine image",
    (
        Explanation(
            "I01",
            f"{_DELISTED} its operating system any more.",
            "AWS's policy allows supported operating systems only, and listed products are scanned continuously. Build "
            f"the image anew from the current Amazon Linux. {_TABLE}",
            _POLICY,
        ),
        Explanation(
            "I02",
            f"{_DELISTED} the operating system in one of its container images any more.",
            "A container image brings a system of its own along, which the updates of the instance do not reach. "
            f"Have the image built from a base that is supported, and resolve its digest again. {_TABLE}",
            _POLICY,
        ),
        Explanation(
            "I03",
            f"{_DELISTED} a program in one of its container images any more.",
            "AWS's policy is about all software. Packages of a distribution are supported with it. Python in "
            "/usr/local and the packages of nginx.org have dates of their own: take an image with a newer branch, "
            f"and resolve its digest again. {_TABLE}",
            _POLICY,
        ),
        Explanation(
            "I04",
            f"{_REFUSED} an account has a password.",
            "No password is allowed in an image, and its hash is none either: every instance would have the same "
            "one, and whoever has the image can guess at it for as long as he likes. Nor is the hash of a locked "
            "account. passwd --delete NAME and then passwd --lock NAME leave no hash; clean_up.sh does it for all "
            "accounts.",
            _POLICY,
        ),
        Explanation(
            "I05",
            f"{_REFUSED} an account has a blank password.",
            "Whoever knows the account's name is in. Lock it with passwd --lock NAME; clean_up.sh does it for all "
            "accounts.",
            _POLICY,
        ),
        Explanation(
            "I06",
            f"{_REFUSED} sshd lets people in without a key.",
            "PasswordAuthentication, KbdInteractiveAuthentication, which asks for the password by another way, "
            "PermitEmptyPasswords and HostbasedAuthentication have to be no. sshd takes the first value that it "
            "reads, included files in the order of their names; a Match may change it for some. clean_up.sh writes "
            "them at the top of sshd_config; remove a Match that says something else.",
            _POLICY,
        ),
        Explanation(
            "I07",
            f"{_REFUSED} root can log in with a password.",
            "People administer an instance with sudo, from an account of their own. PermitRootLogin has to be no, "
            "or to allow keys only; root's password has to be locked, without a hash: passwd --delete root, passwd "
            "--lock root.",
            f"{_SHARED_AMIS}#restrict-root-access",
        ),
        Explanation(
            "I08",
            f"{_REFUSED} a key lets somebody into every instance.",
            "cloud-init adds the buyer's key when an instance starts. A key that is in the image would let its "
            f"owner into all of them. {_CLEAN_UP}",
            _POLICY,
        ),
        Explanation(
            "I09",
            f"{_EVERY} a private key that was somebody's secret.",
            "No key pair may be in an image. Remove the file, and replace the key where it was trusted; what an "
            "instance needs it makes when it starts.",
            _POLICY,
        ),
        Explanation(
            "I10",
            "Any owner of an instance can pretend to be any other one: they have the same SSH host key.",
            f"sshd makes host keys where it finds none. AWS makes shared images private that have one. {_CLEAN_UP}",
            f"{_SHARED_AMIS}#remove-ssh-host-key-pairs",
        ),
        Explanation(
            "I11",
            f"{_EVERY} somebody's access to AWS.",
            "Instances get their credentials from their role. Deactivate the key at once, whatever becomes of the "
            "image, and build it anew without the file.",
            _POLICY,
        ),
        Explanation(
            "I12",
            f"{_EVERY} somebody's login at another service.",
            "A token, or the file in which a program keeps its login. Revoke the token at once, whatever becomes of "
            "the image, and build it anew without the file. bake.sh keeps its login at ECR in memory.",
            _POLICY,
        ),
        Explanation(
            "I13",
            f"{_EVERY} what may be a secret, in a file of environment variables.",
            "A variable whose name says PASSWORD, SECRET, TOKEN or KEY has a value. An instance gets its secrets "
            "from AWS Secrets Manager when it boots. Remove the line; if it is no secret, give the variable another "
            "name.",
            _POLICY,
        ),
        Explanation(
            "I14",
            f"{_REFUSED} cloud-init would allow passwords on each new instance.",
            "ssh_pwauth has to be false, lock_passwd true, and no password may be set in /etc/cloud, because "
            "cloud-init changes sshd's configuration and the accounts by it, whatever the image says.",
            "https://cloudinit.readthedocs.io/en/latest/reference/modules.html#set-passwords",
        ),
        Explanation(
            "I15",
            "Buyers can read what was typed when the image was made.",
            f"Shells, databases, editors and Python keep a history, with the passwords in it. {_CLEAN_UP}",
            _SHARED_AMIS,
        ),
        Explanation(
            "I16",
            "New instances may take themselves for the one that was baked, and miss their own key and user data.",
            "cloud-init remembers in /var/lib/cloud what it has done, with the user data of the instance, and logs "
            f"it. {_CLEAN_UP}",
            "https://cloudinit.readthedocs.io/en/latest/reference/cli.html#clean",
        ),
        Explanation(
            "I17",
            "Buyers can read the logs of the seller's build.",
            f"They name accounts, addresses and people. {_CLEAN_UP}",
            _IMAGE_BUILDER,
        ),
        Explanation(
            "I18",
            "All instances are the same machine to whoever looks at their identity.",
            "The machine's id, its random seed, leases of addresses, the id of Docker's engine: each instance makes "
            f"its own where there is none. {_CLEAN_UP}",
            "https://www.freedesktop.org/software/systemd/man/latest/machine-id.html",
        ),
        Explanation(
            "I19",
            "Buyers get what the build left lying about.",
            "Files in /tmp and /var/tmp, Image Builder's own among them, which it removes after the check. "
            f"{_CLEAN_UP}",
            _IMAGE_BUILDER,
        ),
        Explanation(
            "I20",
            "Buyers can read what the instance that was baked had in its memory.",
            "A core dump, or a swap file that is not zero but for its header. Never swap on it while the image is "
            "made: remove /swapfile, and run bake.sh and clean_up.sh again.",
            _SHARED_AMIS,
        ),
        Explanation(
            "I21",
            "New instances may take the seller's registration at Systems Manager for their own.",
            "The SSM agent keeps it in /var/lib/amazon/ssm, with the output of every command that it ran. "
            "clean_up.sh removes it while the instance shuts down, because Image Builder works through the agent "
            "until then; --live leaves it out.",
            _IMAGE_BUILDER,
        ),
        Explanation(
            "I22",
            "The image is larger than it has to be, and has packages that nobody updates.",
            f"A cache of packages is of no use on another day. {_CLEAN_UP}",
            _BEST_PRACTICES,
        ),
        Explanation(
            "I23",
            f"{_REFUSED} buyers can't administer their instance by SSH.",
            "sshd has to be installed, to start with the instance, and to listen on the port that the listing names "
            "for AWS Marketplace's scan, which is 22.",
            _POLICY,
        ),
        Explanation(
            "I24",
            f"{_REFUSED} buyers can't become root.",
            "The account that buyers log in to needs sudo for everything. Amazon Linux has it in "
            "/etc/cloud/cloud.cfg, for ec2-user.",
            _POLICY,
        ),
        Explanation(
            "I25",
            "The program fails, because the metadata service answers only who brings a token.",
            "Instances of the product require version 2 of the metadata service. The file has an address of the "
            "service and no word about its token.",
            _IMDS,
        ),
        Explanation(
            "I26",
            f"{_REFUSED} it has an encrypted file system.",
            "AWS's policy allows none in an image. Remove the line; buyers encrypt the volumes of their instances "
            "with EBS.",
            _POLICY,
        ),
        Explanation(
            "I27",
            f"{_REFUSED} it was made for one Region.",
            "An image is copied to every Region, and has to be the same everywhere. An instance asks its metadata "
            "service which Region it is in. Remove the line; clean_up.sh sets the repositories' Region back to "
            "default.",
            _POLICY,
        ),
        Explanation(
            "I28",
            f"{_REFUSED} it is not for a 64-bit processor.",
            "AWS's policy allows x86-64 and 64-bit ARM; the instance types of the product are x86-64.",
            _POLICY,
        ),
        Explanation(
            "I29",
            "The stack fails at the boot's step check-image, or whoever gets onto an instance can replace what the "
            "boot trusts.",
            "/opt/quilt-image has the release, the container images' digests and RDS's certificates. All of it has "
            "to be there, as bake.sh writes it, and to belong to root alone. Run bake.sh again: it writes the "
            "release last.",
            _BEST_PRACTICES,
        ),
        Explanation(
            "I30",
            "Nobody knows whether the image has a fault there.",
            "The check could not read a file or folder. Run it as root, on a volume without errors.",
            _POLICY,
        ),
        Explanation(
            "I31",
            f"{_REFUSED} its metadata service answers without a token.",
            "The instance that becomes the image was asked. Build with HttpTokens required, and register the image "
            "with ImdsSupport v2.0, so that every instance requires a token.",
            _IMDS,
        ),
    ),
    _ELSEWHERE,
)
"""Every line of AWS's policy that shows in the image's files, or on the instance that becomes the image."""
