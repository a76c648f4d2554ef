# KVD_CFLAG(FLAG, [VARIABLE=KVD_CFLAGS])
# Adds FLAG to VARIABLE when the compiler takes it without a warning, with
# the user's own flags in force.  Never touches CFLAGS.
AC_DEFUN([KVD_CFLAG], [
  AS_VAR_PUSHDEF([cache], [kvd_cv_cflag_$1])
  AC_CACHE_CHECK([whether $CC accepts $1], [cache], [
    kvd_saved="$CFLAGS"
    CFLAGS="$CFLAGS -Werror $1"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [])],
      [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
    CFLAGS="$kvd_saved"])
  AS_VAR_IF([cache], [yes],
    [m4_default([$2], [KVD_CFLAGS])="$m4_default([$2], [KVD_CFLAGS]) $1"])
  AS_VAR_POPDEF([cache])
])

# KVD_LDFLAG(FLAG, [VARIABLE=KVD_LDFLAGS])
# Adds FLAG to VARIABLE when the linker takes it.
AC_DEFUN([KVD_LDFLAG], [
  AS_VAR_PUSHDEF([cache], [kvd_cv_ldflag_$1])
  AC_CACHE_CHECK([whether the linker accepts $1], [cache], [
    kvd_saved="$LDFLAGS"
    LDFLAGS="$LDFLAGS -Werror $1"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
      [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
    LDFLAGS="$kvd_saved"])
  AS_VAR_IF([cache], [yes],
    [m4_default([$2], [KVD_LDFLAGS])="$m4_default([$2], [KVD_LDFLAGS]) $1"])
  AS_VAR_POPDEF([cache])
])
