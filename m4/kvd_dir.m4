# KVD_DIR(NAME, WHAT, DEFAULT)
# An option --with-NAME=DIR, and NAME for the Makefile: a directory, or empty
# for nowhere.
AC_DEFUN([KVD_DIR], [
  AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=DIR],
    [install $2, in DIR @<:@]m4_default([$3], [no])[@:>@])],
    [], [with_$1='$3'])
  AS_CASE([$with_$1],
    [no], [$1=],
    [yes], [$1='$3'
      AS_IF([test -z "$$1"], [AC_MSG_ERROR([--with-$1 needs a directory])])],
    [$1=$with_$1])
  AC_SUBST([$1])
])
