"""Facts that follow from a launch, without saying what is wrong: the rules and the pages about a template use them.

    instances ──▶ network ──▶ traffic             what runs where, and who connects to whom
    policy_documents ──▶ grants ──▶ api_calls     what policies allow, and which APIs are called
    state_machines                                what the tasks of state machines call, and on what
    lifecycle                                     how creations, updates, deletions and losses of a stack end
    parameter_use, regex, regex_java              where parameters go, and what their patterns match
    reference_types                               which types of resource a property accepts

Every function here is pure: its result depends on nothing but the launch or the string that it gets. This package may
import ``quilt_cfn.cloudformation.launch`` and what is below it.
"""
