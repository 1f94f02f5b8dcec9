"""The pipeline of the image factory: what is baked, on which instance, and where the image goes.

It has no schedule: somebody starts it, once for each release.
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, iam, imagebuilder, sns

from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.image_components import Components
from quilt_cfn.stack.image_logs import LOG_PREFIX, BuildLogs
from quilt_cfn.stack.image_names import image_version, named_by_content, named_by_stack
from quilt_cfn.stack.image_network import BuildNetwork

# EC2 chooses the subnet's zone, and one of us-east-1 has only older types.
_INSTANCE_TYPES = ["t3.large", "m5.large", "t2.large"]
_DISK_GIB = 20
"""As much as an instance of the edition has, whose volume can't be smaller than the image's."""


def add_pipeline(
    t: Template,
    release: Release,
    components: Components,
    network: BuildNetwork,
    profile: iam.InstanceProfile,
    logs: BuildLogs,
    topic: sns.Topic,
) -> imagebuilder.ImagePipeline:
    """Recipe, infrastructure, distribution, and the pipeline that joins them."""
    recipe = _add_recipe(t, release, components)
    infrastructure = t.add_resource(
        imagebuilder.InfrastructureConfiguration(
            "BuildInfrastructure",
            DependsOn=list(network.internet),
            Name=named_by_stack("quilt-image"),
            InstanceTypes=_INSTANCE_TYPES,
            InstanceProfileName=Ref(profile),
            SubnetId=network.subnet,
            SecurityGroupIds=[network.group],
            InstanceMetadataOptions=imagebuilder.InstanceMetadataOptions(
                HttpTokens="required", HttpPutResponseHopLimit=1
            ),
            Logging=imagebuilder.Logging(
                S3Logs=imagebuilder.S3Logs(S3BucketName=Ref(logs.bucket), S3KeyPrefix=LOG_PREFIX)
            ),
            SnsTopicArn=Ref(topic),
            TerminateInstanceOnFailure=True,
        )
    )
    distribution = t.add_resource(
        imagebuilder.DistributionConfiguration(
            "ImageDistribution",
            Name=named_by_stack("quilt-image"),
            Distributions=[
                imagebuilder.Distribution(
                    Region=Ref("AWS::Region"),
                    # No key: AWS Marketplace takes no encrypted image.
                    AmiDistributionConfiguration=imagebuilder.AmiDistributionConfiguration(
                        Name=f"quilt-registry-{release.version} {{{{ imagebuilder:buildDate }}}}",
                        Description=f"Quilt Teams Registry {release.version}",
                        AmiTags={"Name": f"quilt-registry-{release.version}", "quilt:release": release.version},
                    ),
                )
            ],
        )
    )
    return t.add_resource(
        imagebuilder.ImagePipeline(
            "ImagePipeline",
            Name=named_by_stack("quilt-image"),
            Description=f"Bakes the machine image of release {release.version}",
            ImageRecipeArn=GetAtt(recipe, "Arn"),
            InfrastructureConfigurationArn=GetAtt(infrastructure, "Arn"),
            DistributionConfigurationArn=GetAtt(distribution, "Arn"),
            # It would take an inventory of packages by SSM, with more permissions of the instance.
            EnhancedImageMetadataEnabled=False,
            ImageTestsConfiguration=imagebuilder.ImageTestsConfiguration(ImageTestsEnabled=True, TimeoutMinutes=60),
            LoggingConfiguration=imagebuilder.PipelineLoggingConfiguration(
                ImageLogGroupName=Ref(logs.group), PipelineLogGroupName=Ref(logs.group)
            ),
            Status="ENABLED",
        )
    )


def _add_recipe(t: Template, release: Release, components: Components) -> imagebuilder.ImageRecipe:
    """What is baked: the newest Amazon Linux 2023 of the day of the build, and the components in order.

    Image Builder itself reads the public parameter. A recipe can't be changed either: its name has a digest.
    https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateImageRecipe.html
    """
    volume = imagebuilder.EbsInstanceBlockDeviceSpecification(
        VolumeType="gp3",
        VolumeSize=_DISK_GIB,
        DeleteOnTermination=True,
        # AWS Marketplace takes no encrypted image. Where EC2 encrypts by default, it does so nevertheless.
        Encrypted=False,
    )
    properties = {
        "Version": image_version(release.version),
        "ParentImage": f"ssm:{release.ami_default}",
        "BlockDeviceMappings": [imagebuilder.InstanceBlockDeviceMapping(DeviceName="/dev/xvda", Ebs=volume)],
    }
    return t.add_resource(
        imagebuilder.ImageRecipe(
            "ImageRecipe",
            Name=named_by_content("quilt-image", [properties, components.content]),
            Components=[imagebuilder.ComponentConfiguration(ComponentArn=each) for each in components.arns],
            **properties,
        )
    )
