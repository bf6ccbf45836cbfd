# METADATA
# title: Authorization
# description: |
#   Who may do what, and where. The input holds facts only: the type asked for, the roles the
#   account holds with their scopes, and the scopes from the tenant's root down to the one of the
#   invocation. What follows from them is decided here. It sees neither time nor address, so an
#   answer stays true for as long as the roles held and the tree of scopes do.
# scope: package
package osteon.authorization

import data.rulebook

# Whatever no arm below foresees is refused.
default ruling := {"allowed": false, "reason": "policy-failed", "role": null}

ruling := {"allowed": true, "reason": "guest", "role": null} if {
	input.type in rulebook.guests
} else := {"allowed": true, "reason": "granted", "role": min(granting_here)} if {
	authenticated
	count(granting_here) > 0
	granted_there
} else := refused("unknown-type") if {
	not known
} else := refused("guests-not-allowed") if {
	not authenticated
} else := refused("no-role-here") if {
	count(active_here) == 0
} else := refused("not-granted") if {
	count(granting_here) == 0
} else := refused("no-role-there") if {
	count(active_there) == 0
} else := refused("not-granted-there") if {
	count(granting_there) == 0
}

# Asked this way round, an input that does not say is a guest's.
authenticated if input.guest == false

# A command that touches no second scope says so with null.
granted_there if {
	input.also == null
} else if {
	count(granting_there) > 0
}

granting_here := {role | some role in active_here; grants(role)}

granting_there := {role | some role in active_there; grants(role)}

# The cascade: a role held in a scope is active in it and in all below it.
active_here := {held.role | some held in input.roles; held.scope in input.path}

active_there := {held.role | some held in input.roles; held.scope in input.also}

# A role bundles policies, a policy is a set of permissions, a permission is the name of a type.
grants(role) if {
	some policy in rulebook.roles[role].policies
	input.type in rulebook.policies[policy]
}

known if {
	some permissions in rulebook.policies
	input.type in permissions
}

refused(reason) := {"allowed": false, "reason": reason, "role": null}
