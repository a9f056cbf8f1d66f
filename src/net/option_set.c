/* SPDX-License-Identifier: MIT */
#include "net/option_set.h"

#include <stdbool.h>

static bool applies_somewhere(const struct option_set *set,
			      const struct meari_sockopt *opt)
{
	for (size_t i = 0; i < set->addrs->n_addrs; i++)
		if (meari_sockopt_applies(opt,
					  set->addrs->addrs[i].sa.sa_family,
					  set->socktype))
			return true;
	return false;
}

int option_set_apply(const struct option_set *set, int fd, int family,
		     struct meari_fail *fail)
{
	for (size_t i = 0; i < set->n_values; i++) {
		const struct meari_sockopt_value *value = &set->values[i];
		int r;

		/* What applies nowhere is tried all the same: it is a mistake,
		 * and meari_sockopt_set() has the words for it. */
		if (!meari_sockopt_applies(value->opt, family, set->socktype) &&
		    applies_somewhere(set, value->opt))
			continue;
		r = meari_sockopt_set(fd, value, fail);
		if (r < 0)
			return r;
	}
	return 0;
}
