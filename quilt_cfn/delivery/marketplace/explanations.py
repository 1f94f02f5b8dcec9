"""What ``quilt-cfn check --explain`` says about the findings of ``quilt-cfn marketplace``.

M04 and M22 to M31 are about a submission (``refusals``), D01 to D06 about what buyers get (``drift``). The other ids
that begin with M are rules about a template, which explain themselves.
"""

from __future__ import annotations

from quilt_cfn.finding import Explanation, Family

_GUIDE = "https://docs.aws.amazon.com/marketplace/latest/userguide/"
_TEMPLATES = f"{_GUIDE}cloudformation.html"
_PRODUCTS = f"{_GUIDE}ami-single-ami-products.html"
_VERSIONS = f"{_GUIDE}single-ami-versions.html"
_POLICIES = f"{_GUIDE}product-and-ami-policies.html"
_REFERENCE = "https://docs.aws.amazon.com/marketplace/latest/APIReference/"
_CHANGE_TYPES = f"{_REFERENCE}work-with-single-ami-products.html"
_REFUSED = "AWS Marketplace refuses the submission."

SUBMISSION = Family(
    "M: What a submission to AWS Marketplace needs beside its template",
    (
        Explanation(
            "M04",
            "The launch fails, because AWS Marketplace can't put its copy of the AMI into the template.",
            "AWS Marketplace copies the AMI into every Region and writes the copy's ID into one parameter of the "
            "template, which the submission names: the one to which the ImageId of every instance and launch template "
            "in the released template refers. There has to be exactly one, the same in all delivery options. Its name "
            "has the release in it, such as AmiIdForRelease1x2x3, because an update of a stack keeps the value of a "
            "parameter whose name stays.",
            _TEMPLATES,
        ),
        Explanation(
            "M22",
            _REFUSED,
            "AWS Marketplace downloads the templates and the diagram from public https URLs of S3. Each URL belongs to "
            "one version for ever, so it has the version in its path and never says latest. quilt-cfn publish "
            "s3://BUCKET/PREFIX puts the release there; published in marketplace/listing.yaml is the same location, "
            "and region is what aws s3api head-bucket --bucket BUCKET --query BucketRegion prints. Name only editions "
            "that the release has.",
            _TEMPLATES,
        ),
        Explanation(
            "M23",
            _REFUSED,
            "A version takes at most three delivery options with a CloudFormation template. Each needs a title of its "
            "own, and two options with the same edition would sell the same template twice. The options are "
            "delivery_options in marketplace/listing.yaml.",
            _TEMPLATES,
        ),
        Explanation(
            "M24",
            _REFUSED,
            "A delivery option with a template needs an architecture diagram: a PNG of exactly the size that AWS asks "
            "for. The seller guide says 1100 x 700 pixels on one page and 1560 x 878 on another, so the size is "
            "diagram in marketplace/listing.yaml. A release draws diagram.png of its template in that size, and keeps "
            "it: whoever changes the size makes the next version.",
            _TEMPLATES,
        ),
        Explanation(
            "M25",
            _REFUSED,
            "The usage instructions of a delivery option have to name the network access, the IAM entities, the keys "
            "and secrets, the encryption and the external dependencies of the stack, in at most 4,000 printable ASCII "
            "characters. quilt-cfn writes them from the template: shorten the descriptions of its outputs, or the "
            "sentences in quilt_cfn/delivery/marketplace/usage.py.",
            _POLICIES,
        ),
        Explanation(
            "M26",
            _REFUSED,
            "A version brings its own AMI: in us-east-1, in the seller's own account, HVM, backed by EBS, unencrypted, "
            "and at most two years old. ami.id in marketplace/release.yaml names it. The image factory makes it: "
            "docs/releasing.md has the commands, of which aws imagebuilder start-image-pipeline-execution starts the "
            "build. That there is one is checked here, the rest by AWS when the submission is validated.",
            _POLICIES,
        ),
        Explanation(
            "M27",
            _REFUSED,
            "The title of a version, its release notes, and the title and descriptions of each delivery option have a "
            "largest length, and consist of printable ASCII without spaces at the beginning or end. Sellers report "
            "other limits than some of AWS's pages have; those used here have passed. The release notes are the "
            "version's entry in CHANGELOG.md, the other texts are in marketplace/listing.yaml. AWS itself checks, when "
            "the submission is validated, that no other version of the product has the title.",
            _VERSIONS,
        ),
        Explanation(
            "M29",
            "The submission can't be sent, because nobody knows to which product it belongs.",
            "A version is added to a product that already exists as limited or public. product in "
            "marketplace/listing.yaml is its ID, prod-... The AWS Marketplace Management Portal makes the product "
            "under Products, Server; its ID is shown by aws marketplace-catalog list-entities --catalog AWSMarketplace "
            "--entity-type AmiProduct --region us-east-1.",
            _PRODUCTS,
        ),
        Explanation(
            "M30",
            "The submission can't be sent, because AWS Marketplace would not be allowed to copy the AMI.",
            "AWS Marketplace assumes an IAM role of the seller's account in order to copy and scan the AMI. "
            "ami.access_role in marketplace/listing.yaml is the ARN of that role. The stack of the image factory makes "
            "one, and docs/releasing.md has the command that shows it: aws cloudformation describe-stacks.",
            f"{_PRODUCTS}#single-ami-marketplace-ami-access",
        ),
        Explanation(
            "M31",
            "AWS Marketplace refuses the submission, or a buyer can't launch what is recommended.",
            "The template has to list the instance types that it allows, each of them has to be enabled for the "
            "product (instance_types in marketplace/listing.yaml), and the recommended type has to be one of them.",
            _CHANGE_TYPES,
        ),
    ),
)

DRIFT = Family(
    "D: How what buyers get from AWS Marketplace differs from what was released",
    (
        Explanation(
            "D01",
            "Buyers can't get this version.",
            "The product has no version with the title of this release. It was not submitted, or its change set has "
            "not ended: quilt-cfn marketplace status shows the change sets.",
            _VERSIONS,
        ),
        Explanation(
            "D02",
            "Buyers read something else than what was released.",
            "Release notes, descriptions, usage instructions or the recommended instance type were changed after the "
            "submission, most likely in the Management Portal. Put the change into this checkout, so that the next "
            "version has it as well, or undo it in the portal (Update version information).",
            _VERSIONS,
        ),
        Explanation(
            "D03",
            "Buyers can choose a delivery option that was not released, or can't choose one that was.",
            "The delivery options of the version in AWS Marketplace have other titles than those that were submitted. "
            "A title that was changed in the Management Portal shows as one option too few and one too many.",
            _VERSIONS,
        ),
        Explanation(
            "D04",
            "Nobody can tell whether buyers get the template that was released.",
            "AWS Marketplace keeps a copy of each template and names its URL among the sources of the version. For "
            "this delivery option it names none, so that there is nothing to compare. Ask AWS Marketplace seller "
            "support if that stays.",
            _CHANGE_TYPES,
        ),
        Explanation(
            "D05",
            "Buyers launch another template than the one that was released.",
            "AWS Marketplace's copy of the template differs in more than the AMI's parameter, the only part that AWS "
            "Marketplace writes anew. Compare both files, and ask AWS Marketplace seller support where the difference "
            "comes from. A template can only be replaced by releasing a new version.",
            _TEMPLATES,
        ),
        Explanation(
            "D06",
            "The launch fails for buyers: the template refers to a parameter for the AMI that it does not have.",
            "AWS Marketplace's copy of the template lacks the parameter into which AWS Marketplace writes the AMI. "
            "Ask AWS Marketplace seller support about the copy, and release a new version.",
            _TEMPLATES,
        ),
    ),
)

FAMILIES = (SUBMISSION, DRIFT)
