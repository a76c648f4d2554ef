/*
 * telnet_codes: the commands of RFC 854 as string literals.  They are macros,
 * so that tables of tests can join them: DO "\x03" IAC.
 */

#ifndef TESTS_TELNET_CODES_H
#define TESTS_TELNET_CODES_H

#define IAC "\xff"
#define DONT IAC "\xfe"
#define DO IAC "\xfd"
#define WONT IAC "\xfc"
#define WILL IAC "\xfb"
#define SB IAC "\xfa"
#define GA IAC "\xf9"
#define EL IAC "\xf8"
#define EC IAC "\xf7"
#define AYT IAC "\xf6"
#define AO IAC "\xf5"
#define IP IAC "\xf4"
#define BRK IAC "\xf3"
#define DM IAC "\xf2"
#define NOP IAC "\xf1"
#define SE IAC "\xf0"

/* kvd's reply to AYT. */
#define YES "[kvd: yes]\r\n"

#endif
