"""Facts that follow from a launch, without saying what is wrong: the rules and the pages about a template use them.

    instances ──▶ network ──▶ traffic             what runs where, and who connects to whom
    policy_documents ──▶ grants ──▶ api_calls     what policies allow, and which APIs are called
    state_machines                                what the tasks of state machines call, and on what
    embedded ──▶ syntax                           which programs and files there are, and whether they can be read
    systemd_units, nginx, spelling                what systemd and nginx make of their files
    environments, images                          what variables hold, and which images are launched on which types
    event_patterns, event_targets, metrics        which events and metrics are waited for, and what they start
    keys, wildcards, bucket_use                   which keys encrypt what, what wildcards cover, what buckets hold
    lifecycle                                     how creations, updates, deletions and losses of a stack end
    parameter_use, regex, regex_java              where parameters go, and what their patterns match
    reference_types                               which types of resource a property accepts

Every function here is pure: its result depends on nothing but the launch or the string that it gets; ``syntax`` asks
bash, if there is one, to read shell scripts, and runs nothing that it is given. This package may import
``quilt_cfn.cloudformation.launch`` and what is below it.
"""
