"""The outputs of the image factory: what starts a build, what prints its result, and what the listing needs."""

from __future__ import annotations

from troposphere import GetAtt, Output, Ref, Sub, Template, iam, imagebuilder

from quilt_cfn.stack.image_logs import BuildLogs


def add_image_outputs(t: Template, pipeline: imagebuilder.ImagePipeline, role: iam.Role, logs: BuildLogs) -> None:
    """Each description says what to do with the value."""
    arn = f"${{{pipeline.title}.Arn}}"
    newest = "sort_by(imageSummaryList[?state.status=='AVAILABLE'],&dateCreated)[-1].outputResources.amis[0].image"
    outputs = {
        "PipelineArn": ("Pipeline that bakes the image", GetAtt(pipeline, "Arn")),
        "StartCommand": (
            "Command that starts a build, for about half an hour, and prints the ARN of the image to be",
            Sub(
                f"aws imagebuilder start-image-pipeline-execution --region ${{AWS::Region}} --image-pipeline-arn {arn} "
                "--query imageBuildVersionArn --output text"
            ),
        ),
        "ImageCommand": (
            "Command that prints the ID of the newest image: write it into release.yaml as ami.id",
            Sub(
                f"aws imagebuilder list-image-pipeline-images --region ${{AWS::Region}} --image-pipeline-arn {arn} "
                f'--query "{newest}" --output text'
            ),
        ),
        "MarketplaceRoleArn": (
            "Role by which AWS Marketplace copies the image: write it into listing.yaml as ami.access_role",
            GetAtt(role, "Arn"),
        ),
        "LogGroup": ("Log of the builds: look here, in CloudWatch Logs, when one fails", Ref(logs.group)),
        "LogBucketName": (
            "Bucket with every build's files; it stays when the stack is deleted, until you empty and delete it",
            Ref(logs.bucket),
        ),
    }
    for name, (description, value) in outputs.items():
        t.add_output(Output(name, Description=description, Value=value))
