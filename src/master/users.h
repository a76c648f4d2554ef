/*
 * The users that kvd's children become: the keywords `user` and
 * `registry-user`.
 */

#ifndef MASTER_USERS_H
#define MASTER_USERS_H

#include "common/config.h"
#include "common/privileges.h"

/*
 * Looks up the users.  Root may make kvd's children any user, but both have to
 * be given, and neither may be root unless both are.  Anybody else can give only
 * themselves.  Returns 0, or -1 with errno and one line in `error`
 * (CONFIG_ERROR_SIZE bytes).
 */
int users_find(const struct config *, struct privileges *, char *error);
/* Makes the data directory if it is not there and only root can make it for its
 * owner, who has to own it in any case.  Returns the same. */
int users_provide_data(const struct config *, const struct privileges *,
    char *error);
/* Logs a warning if a worker that was taken over could do more than it needs
 * to. */
void users_warn(const struct config *, const struct privileges *);

#endif
