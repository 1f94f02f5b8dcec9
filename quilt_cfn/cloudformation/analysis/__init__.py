"""What follows from a launch, without a verdict: facts for the rules and for the pages that describe a template.

    instances ──▶ network ──▶ traffic             what runs where, and who connects to whom
    policy_documents ──▶ grants ──▶ api_calls      what policies allow, and which APIs are called
    lifecycle                                      what a failed launch and a deletion leave behind
    parameter_use, regex, regex_java               where parameters go, and what their patterns match
    reference_types                                which resource a property takes

An analysis is a pure function of a launch (or of a string). This package may import ``quilt_cfn.cloudformation.launch``
and what is below it.
"""
