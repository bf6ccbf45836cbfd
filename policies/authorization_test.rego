package osteon.authorization_test

import data.osteon.authorization.ruling

rulebook := {
	"roles": {
		"editor": {"policies": ["texts.editor"]},
		"owner": {"policies": ["texts.reader", "texts.editor"]},
		"reader": {"policies": ["texts.reader"]},
	},
	"policies": {
		"texts.editor": ["get-text", "move-text"],
		"texts.reader": ["get-text"],
	},
	"guests": ["log-in"],
}

france := ["root", "eu", "france"]

us := ["root", "us"]

question := {"type": "move-text", "roles": [], "path": france, "also": null, "guest": false}

asked(facts) := answer if {
	answer := ruling with input as object.union(question, facts) with data.rulebook as rulebook
}

refused(reason) := {"allowed": false, "reason": reason, "role": null}

granted(role) := {"allowed": true, "reason": "granted", "role": role}

holds(role, scope) := {"role": role, "scope": scope}

test_a_guest_may_log_in if {
	asked({"type": "log-in", "guest": true}) == {"allowed": true, "reason": "guest", "role": null}
}

test_whoever_is_logged_in_may_log_in_again if {
	asked({"type": "log-in"}).reason == "guest"
}

test_a_guest_may_nothing_else if {
	asked({"guest": true, "roles": [holds("editor", "root")]}) == refused("guests-not-allowed")
}

test_who_does_not_say_is_a_guest if {
	facts := object.remove(object.union(question, {"roles": [holds("editor", "root")]}), ["guest"])
	answer := ruling with input as facts with data.rulebook as rulebook
	answer == refused("guests-not-allowed")
}

test_a_number_for_guest_is_a_guest if {
	asked({"guest": 0, "roles": [holds("editor", "root")]}) == refused("guests-not-allowed")
}

test_an_unknown_type_is_refused_whoever_asks if {
	asked({"type": "burn-text", "roles": [holds("editor", "root")]}) == refused("unknown-type")
	asked({"type": "burn-text", "guest": true}) == refused("unknown-type")
}

test_a_role_is_active_where_it_is_held_and_below if {
	every scope in france {
		asked({"roles": [holds("editor", scope)]}) == granted("editor")
	}
}

test_a_role_is_not_active_beside_or_above if {
	asked({"roles": [holds("editor", "us")]}) == refused("no-role-here")
	asked({"roles": [holds("editor", "france")], "path": ["root", "eu"]}) == refused("no-role-here")
}

test_a_role_that_lacks_the_type_does_not_grant_it if {
	asked({"roles": [holds("reader", "root")]}) == refused("not-granted")
}

test_a_role_that_is_gone_grants_nothing if {
	asked({"roles": [holds("abolished", "root")]}) == refused("not-granted")
}

test_the_first_granting_role_by_name_is_told if {
	roles := [holds("reader", "root"), holds("owner", "france"), holds("editor", "eu")]
	asked({"roles": roles}) == granted("editor")
}

test_both_scopes_of_a_move_must_grant if {
	asked({"roles": [holds("editor", "root")], "also": us}) == granted("editor")
	asked({"roles": [holds("editor", "eu"), holds("owner", "us")], "also": us}) == granted("editor")
}

test_a_move_to_where_no_role_is_held_is_refused if {
	asked({"roles": [holds("editor", "eu")], "also": us}) == refused("no-role-there")
	asked({"roles": [holds("editor", "eu")], "also": []}) == refused("no-role-there")
}

test_a_move_to_where_no_role_grants_is_refused if {
	asked({"roles": [holds("editor", "eu"), holds("reader", "us")], "also": us}) == refused("not-granted-there")
}

test_without_a_rulebook_all_is_refused if {
	answer := ruling with input as question with data.rulebook as {}
	answer == refused("unknown-type")
}

test_what_no_arm_foresees_is_refused if {
	facts := object.union(question, {"roles": [holds("editor", "root")], "also": us})
	answer := ruling with input as facts
		with data.rulebook as rulebook
		with data.osteon.authorization.granting_here as 7
	answer == refused("policy-failed")
}
