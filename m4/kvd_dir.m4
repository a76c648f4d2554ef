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

# KVD_CHECK_DIRS(VARIABLES)
# Refuses directories with names that make, the C compiler, shell scripts or
# units would read as something else.
AC_DEFUN([KVD_CHECK_DIRS], [
  for kvd_dir in m4_normalize([$1]); do
    AS_VAR_COPY([kvd_value], [$kvd_dir])
    kvd_bad=`AS_ECHO(["$kvd_value"]) |
      sed 's/[[$]]{[[A-Za-z_]]*}//g; s/[[$]]([[A-Za-z_]]*)//g' |
      tr -d '[[:alnum:]]/.,_+:=@~\200-\377\n-'`
    AS_IF([test -n "$kvd_bad"], [AC_MSG_ERROR(
      [$kvd_dir is '$kvd_value': a directory of kvd's cannot have blanks, quotes or other characters special to make or the shell in its name])])
  done
])
