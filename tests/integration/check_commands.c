/*
 * check_commands: every command and its errors over the wire, times to live,
 * transactions beside other clients, and that all is done exactly once
 * whatever becomes of the registry.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "stream.h"

/* The macro gives the size as well, because text after an inner NUL counts. */
#define B(text) text, sizeof(text) - 1

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxxxx"
#define X256 X255 "x"
/*
 * This is the longest value that `max-value 300` allows; others add one byte.
 */
#define V300 X256 X16 X16 "xxxxxxxxxxxx"
#define V301 V300 "x"

#define OK "OK\r\n"
#define QUEUED "QUEUED\r\n"
#define UNKNOWN "UNKNOWN COMMAND\r\n"
#define MISSING "NOT FOUND\r\n"
#define CONFLICT "CONFLICT\r\n"
#define EMPTY "\r\nOK\r\n"
#define NO_BUCKET "ERROR bucket name empty\r\n"
#define LONG_BUCKET "ERROR bucket name too long\r\n"
#define NO_KEY "ERROR key empty\r\n"
#define LONG_KEY "ERROR key too long\r\n"
#define LONG_VALUE "ERROR value too long\r\n"
#define NO_NUMBER "ERROR not a number\r\n"
#define RANGE "ERROR out of range\r\n"
#define NOT_NUMBER "ERROR value not a number\r\n"
#define OVERFLOW "ERROR overflow\r\n"
#define NO_TRANSACTION "ERROR no transaction\r\n"
#define NESTED "ERROR already in a transaction\r\n"
#define NOT_QUEUED "ERROR cannot be queued\r\n"

#define MOST "9223372036854775807"
#define LEAST "-9223372036854775808"

/*
 * This conversation leaves no data behind, so that it has the same replies each
 * time.  Requests that depend on the time are in a transaction, during which
 * the server's clock stands still.
 */
static const struct line {
	const char *request;
	size_t request_size;
	const char *reply;
	size_t reply_size;
} lines[] = {
	{ B("CREATE t\n"), B(OK) },
	{ B("CREATE n\n"), B(OK) },

	/* PUT with EX, TTL, EXPIRE, PERSIST */
	{ B("PUT t k v EX 100\n"), B(OK) },
	{ B("GET t k\n"), B("v\r\nOK\r\n") },
	{ B("EXISTS t k\n"), B(OK) },
	{ B("PERSIST t k\n"), B(OK) },
	{ B("PERSIST t k\n"), B(OK) },
	{ B("TTL t k\n"), B(EMPTY) },
	{ B("EXPIRE t k 10000000000\n"), B(OK) },
	{ B("PUT t k v\n"), B(OK) },
	{ B("TTL t k\n"), B(EMPTY) },
	{ B("EXPIRE t k 1000\n"), B(OK) },
	{ B("GET t k\n"), B("v\r\nOK\r\n") },
	{ B("PUT t EX EX ex 100\n"), B(OK) },
	{ B("GET t EX\n"), B("EX\r\nOK\r\n") },
	{ B("DELETE t EX\n"), B(OK) },
	{ B("PUT t k v \"\\x45x\" 10000000000\n"), B(OK) },
	{ B("PUT t k v EX 0\n"), B(RANGE) },
	{ B("PUT t k v EX -1\n"), B(RANGE) },
	{ B("PUT t k v EX 10000000001\n"), B(RANGE) },
	{ B("PUT t k v EX 99999999999999999999\n"), B(RANGE) },
	{ B("PUT t k v EX 1.5\n"), B(NO_NUMBER) },
	{ B("PUT t k v EX \"\"\n"), B(NO_NUMBER) },
	{ B("PUT t k v EX 1S\n"), B(NO_NUMBER) },
	{ B("PUT t k v EX ms\n"), B(NO_NUMBER) },
	{ B("PUT t k v EX 0ms\n"), B(RANGE) },
	{ B("PUT t k v EX 115741d\n"), B(RANGE) },
	{ B("PUT t k v EX\n"), B(UNKNOWN) },
	{ B("PUT t k v PX 5\n"), B(UNKNOWN) },
	{ B("PUT t k v 5 EX\n"), B(UNKNOWN) },
	{ B("PUT t k v EX 5 5\n"), B(UNKNOWN) },
	{ B("PUT t k EX 5\n"), B(UNKNOWN) },
	{ B("PUT none k v EX 5\n"), B(MISSING) },
	{ B("PUT \"\" k v EX 5\n"), B(NO_BUCKET) },
	{ B("PUT t \"\" v EX 5\n"), B(NO_KEY) },
	{ B("EXPIRE t none 5\n"), B(MISSING) },
	{ B("EXPIRE none k 5\n"), B(MISSING) },
	{ B("EXPIRE t k\n"), B(UNKNOWN) },
	{ B("EXPIRE t k 5 5\n"), B(UNKNOWN) },
	{ B("EXPIRE t k 0\n"), B(RANGE) },
	{ B("EXPIRE t k x\n"), B(NO_NUMBER) },
	{ B("EXPIRE \"\" k 5\n"), B(NO_BUCKET) },
	{ B("EXPIRE t \"\" 5\n"), B(NO_KEY) },
	{ B("PERSIST t none\n"), B(MISSING) },
	{ B("PERSIST none k\n"), B(MISSING) },
	{ B("PERSIST t\n"), B(UNKNOWN) },
	{ B("PERSIST t k 1\n"), B(UNKNOWN) },
	{ B("TTL t none\n"), B(EMPTY) },
	{ B("TTL none k\n"), B(MISSING) },
	{ B("TTL t\n"), B(UNKNOWN) },
	{ B("TTL t k 1\n"), B(UNKNOWN) },
	{ B("DELETE t k\n"), B(OK) },
	{ B("PUT t k v EX 10000000000000ms\n"), B(OK) },
	{ B("EXPIRE t k 115740d\n"), B(OK) },
	{ B("EXPIRE t k 10000000000s\n"), B(OK) },
	{ B("EXPIRE t k 10000000001s\n"), B(RANGE) },
	{ B("EXPIRE t k 1d1\n"), B(NO_NUMBER) },
	{ B("BEGIN\nPUT t k v EX 90ms\nTTL t k\nEXPIRE t k 2m\nTTL t k\n"
	    "EXPIRE t k 3h\nTTL t k\nEXPIRE t k 4d\nTTL t k\n"
	    "PUT t k v EX 5s\nTTL t k\nEXPIRE t k 1001ms\nTTL t k\n"
	    "DELETE t k\nCOMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED
		    QUEUED QUEUED QUEUED QUEUED OK
		"1\r\n" OK OK "120\r\n" OK OK "10800\r\n" OK OK
		"345600\r\n" OK OK "5\r\n" OK OK "2\r\n" OK OK OK) },

	/* ADD and CAS */
	{ B("ADD t k 1\n"), B(OK) },
	{ B("ADD t k 2\n"), B(CONFLICT) },
	{ B("GET t k\n"), B("1\r\nOK\r\n") },
	{ B("CAS t k 2 3\n"), B(CONFLICT) },
	{ B("CAS t k 1 \"\"\n"), B(OK) },
	{ B("CAS t k \"\" 3\n"), B(OK) },
	{ B("GET t k\n"), B("3\r\nOK\r\n") },
	{ B("CAS t none 3 4\n"), B(CONFLICT) },
	{ B("CAS none k 3 4\n"), B(MISSING) },
	{ B("ADD none k 3\n"), B(MISSING) },
	{ B("ADD t k\n"), B(UNKNOWN) },
	{ B("ADD t k v EX 5\n"), B(CONFLICT) },
	{ B("TTL t k\n"), B(EMPTY) },
	{ B("ADD t k v EX\n"), B(UNKNOWN) },
	{ B("ADD t k v PX 5\n"), B(UNKNOWN) },
	{ B("ADD t k v EX 5 6\n"), B(UNKNOWN) },
	{ B("ADD t k v EX 0\n"), B(RANGE) },
	{ B("ADD t k v EX x\n"), B(NO_NUMBER) },
	{ B("ADD none k v EX 5\n"), B(MISSING) },
	{ B("ADD \"\" k v EX 5\n"), B(NO_BUCKET) },
	{ B("ADD t \"\" v EX 5\n"), B(NO_KEY) },
	{ B("BEGIN\nADD t EX EX ex 2h\nTTL t EX\nGET t EX\nDELETE t EX\n"
	    "COMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED QUEUED OK "7200\r\n" OK
						"EX\r\n" OK OK OK) },
	{ B("CAS t k 3\n"), B(UNKNOWN) },
	{ B("CAS t k 3 4 5\n"), B(UNKNOWN) },
	{ B("ADD \"\" k 3\n"), B(NO_BUCKET) },
	{ B("CAS t \"\" 3 4\n"), B(NO_KEY) },
	{ B("DELETE t k\n"), B(OK) },

	/* DELETE with IF */
	{ B("PUT t k v\n"), B(OK) },
	{ B("DELETE t k IF w\n"), B(CONFLICT) },
	{ B("DELETE t k IF \"\"\n"), B(CONFLICT) },
	{ B("GET t k\n"), B("v\r\nOK\r\n") },
	{ B("delete t k if v\n"), B(OK) },
	{ B("GET t k\n"), B(EMPTY) },
	{ B("DELETE t k IF v\n"), B(CONFLICT) },
	{ B("PUT t IF \"\"\n"), B(OK) },
	{ B("DELETE t IF IF \"\"\n"), B(OK) },
	{ B("EXISTS t IF\n"), B(MISSING) },
	{ B("DELETE none k IF v\n"), B(MISSING) },
	{ B("DELETE t k IF\n"), B(UNKNOWN) },
	{ B("DELETE t k v\n"), B(UNKNOWN) },
	{ B("DELETE t k OF v\n"), B(UNKNOWN) },
	{ B("DELETE t k IF v v\n"), B(UNKNOWN) },
	{ B("DELETE \"\" k IF v\n"), B(NO_BUCKET) },
	{ B("DELETE t \"\" IF v\n"), B(NO_KEY) },
	{ B("BEGIN\nPUT t k v\nDELETE t k IF v\nEXISTS t k\nPUT t k w\n"
	    "COMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED QUEUED OK OK MISSING OK OK) },
	{ B("BEGIN\nPUT t k v\nDELETE t k IF w\nCOMMIT\n"),
	    B(OK QUEUED QUEUED CONFLICT) },
	{ B("GET t k\n"), B("w\r\nOK\r\n") },
	{ B("DELETE t k IF w\n"), B(OK) },

	/* TAKE */
	{ B("PUT t k v\n"), B(OK) },
	{ B("TAKE t k\n"), B("v\r\nOK\r\n") },
	{ B("TAKE t k\n"), B(EMPTY) },
	{ B("EXISTS t k\n"), B(MISSING) },
	{ B("PUT t k OK\n"), B(OK) },
	{ B("take t k\n"), B("\"OK\"\r\nOK\r\n") },
	{ B("PUT t k \"\"\n"), B(OK) },
	{ B("TAKE t k\n"), B("\"\"\r\nOK\r\n") },
	{ B("TAKE none k\n"), B(MISSING) },
	{ B("TAKE t\n"), B(UNKNOWN) },
	{ B("TAKE t k k\n"), B(UNKNOWN) },
	{ B("TAKE \"\" k\n"), B(NO_BUCKET) },
	{ B("TAKE t \"\"\n"), B(NO_KEY) },
	{ B("BEGIN\nPUT t k v EX 5\nTAKE t k\nTAKE t k\nTTL t k\nCOMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED QUEUED OK "v\r\n" OK EMPTY EMPTY OK) },
	{ B("PUT t k v\n"), B(OK) },
	{ B("BEGIN\nTAKE t k\nADD t l v\nADD t l v\nCOMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED CONFLICT) },
	{ B("TAKE t k\n"), B("v\r\nOK\r\n") },

	/* POP and CLEAR */
	{ B("CREATE q\n"), B(OK) },
	{ B("POP q\n"), B(EMPTY) },
	{ B("CLEAR q\n"), B("0\r\nOK\r\n") },
	{ B("PUT q b1 x\nPUT q a2 OK\nPUT q a1 \"\"\nPUT q \"c 1\" \"y z\"\n"),
	    B(OK OK OK OK) },
	{ B("POP q\n"), B("a1 \"\"\r\nOK\r\n") },
	{ B("pop q prefix c\n"), B("\"c 1\" \"y z\"\r\nOK\r\n") },
	{ B("POP q PREFIX c\n"), B(EMPTY) },
	{ B("POP q PREFIX \"\"\n"), B("a2 OK\r\nOK\r\n") },
	{ B("POP q PREFIX b1\n"), B("b1 x\r\nOK\r\n") },
	{ B("POP q\n"), B(EMPTY) },
	{ B("PUT q OK \"\"\nPOP q\n"), B(OK "OK \"\"\r\nOK\r\n") },
	{ B("PUT q k v EX 1000\n"), B(OK) },
	{ B("PUT q ka v\nPUT q kb v\nPUT q l v\nPUT q " X255 " v\n"),
	    B(OK OK OK OK) },
	{ B("CLEAR q PREFIX k LIMIT 2\n"), B("2\r\nOK\r\n") },
	{ B("KEYS q\n"), B("kb\r\nl\r\n" X255 "\r\nOK\r\n") },
	{ B("clear q limit 1 prefix \"\"\n"), B("1\r\nOK\r\n") },
	{ B("CLEAR q PREFIX " X255 "\n"), B("1\r\nOK\r\n") },
	{ B("CLEAR q LIMIT 10000\n"), B("1\r\nOK\r\n") },
	{ B("CLEAR q\n"), B("0\r\nOK\r\n") },
	{ B("COUNT q\n"), B("0\r\nOK\r\n") },
	{ B("POP none\n"), B(MISSING) },
	{ B("CLEAR none\n"), B(MISSING) },
	{ B("POP \"\"\n"), B(NO_BUCKET) },
	{ B("CLEAR \"\"\n"), B(NO_BUCKET) },
	{ B("POP " X256 "\n"), B(LONG_BUCKET) },
	{ B("CLEAR " X256 "\n"), B(LONG_BUCKET) },
	{ B("POP q PREFIX " X256 "\n"), B(LONG_KEY) },
	{ B("CLEAR q PREFIX " X256 "\n"), B(LONG_KEY) },
	{ B("CLEAR q LIMIT 0\n"), B(RANGE) },
	{ B("CLEAR q LIMIT -1\n"), B(RANGE) },
	{ B("CLEAR q LIMIT 10001\n"), B(RANGE) },
	{ B("CLEAR q LIMIT x\n"), B(NO_NUMBER) },
	{ B("CLEAR q LIMIT \"\"\n"), B(NO_NUMBER) },
	{ B("POP\n"), B(UNKNOWN) },
	{ B("POP q k\n"), B(UNKNOWN) },
	{ B("POP q PREFIX\n"), B(UNKNOWN) },
	{ B("POP q LIMIT 1\n"), B(UNKNOWN) },
	{ B("POP q PREFIX a PREFIX a\n"), B(UNKNOWN) },
	{ B("CLEAR\n"), B(UNKNOWN) },
	{ B("CLEAR q 5\n"), B(UNKNOWN) },
	{ B("CLEAR q LIMIT\n"), B(UNKNOWN) },
	{ B("CLEAR q AFTER k\n"), B(UNKNOWN) },
	{ B("CLEAR q LIMIT 1 LIMIT 1\n"), B(UNKNOWN) },
	{ B("CLEAR q PREFIX a LIMIT 1 PREFIX a\n"), B(UNKNOWN) },
	{ B("BEGIN\nPUT q a 1\nPUT q b 2\nPUT q c 3\nPOP q\nCLEAR q LIMIT 1\n"
	    "PUT q a 4\nPOP q\nPOP q\nPOP q\nCOMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED
		    OK OK OK "a 1\r\n" OK "1\r\n" OK OK "a 4\r\n" OK
			     "c 3\r\n" OK EMPTY OK) },
	{ B("PUT q a 1\nPUT q b 2\n"), B(OK OK) },
	{ B("BEGIN\nPOP q\nCLEAR q\nPUT q c 3\nADD q c 4\nCOMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED QUEUED CONFLICT) },
	{ B("POP q\nPOP q\nPOP q\n"), B("a 1\r\n" OK "b 2\r\n" OK EMPTY) },
	{ B("DROP q\n"), B(OK) },

	/* GET of several keys */
	{ B("PUT t a 1\nPUT t b \"\"\nPUT t c OK\n"), B(OK OK OK) },
	{ B("GET t a b c d a\n"), B("1\r\n\"\"\r\n\"OK\"\r\n\r\n1\r\nOK\r\n") },
	{ B("GET t x y\n"), B("\r\n\r\nOK\r\n") },
	{ B("GET none a b\n"), B(MISSING) },
	{ B("GET \"\" a b\n"), B(NO_BUCKET) },
	{ B("GET t a \"\"\n"), B(NO_KEY) },
	{ B("GET t \"\" a\n"), B(NO_KEY) },
	{ B("GET t a " X255 "\n"), B("1\r\n\r\nOK\r\n") },
	{ B("GET t a " X256 "\n"), B(LONG_KEY) },
	{ B("GET " X256 " a b\n"), B(LONG_BUCKET) },
	{ B("BEGIN\nGET t a b\nPUT t a 2\nGET t a a\nGET t a \"\"\nCOMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED NO_KEY "1\r\n\"\"\r\n" OK OK
					     "2\r\n2\r\n" OK OK) },
	{ B("DELETE t a\nDELETE t b\nDELETE t c\n"), B(OK OK OK) },

	/* INCR */
	{ B("INCR n k\n"), B("1\r\nOK\r\n") },
	{ B("INCR n k 41\n"), B("42\r\nOK\r\n") },
	{ B("incr n k -50\n"), B("-8\r\nOK\r\n") },
	{ B("INCR n k 0\n"), B("-8\r\nOK\r\n") },
	{ B("INCR n k 0008\n"), B("0\r\nOK\r\n") },
	{ B("INCR n k " MOST "\n"), B(MOST "\r\nOK\r\n") },
	{ B("INCR n k\n"), B(OVERFLOW) },
	{ B("GET n k\n"), B(MOST "\r\nOK\r\n") },
	{ B("INCR n m " LEAST "\n"), B(LEAST "\r\nOK\r\n") },
	{ B("INCR n m -1\n"), B(OVERFLOW) },
	{ B("INCR n m " MOST "\n"), B("-1\r\nOK\r\n") },
	{ B("INCR n k 9223372036854775808\n"), B(RANGE) },
	{ B("INCR n k -9223372036854775809\n"), B(RANGE) },
	{ B("INCR n k one\n"), B(NO_NUMBER) },
	{ B("INCR n k +1\n"), B(NO_NUMBER) },
	{ B("INCR n k \"\"\n"), B(NO_NUMBER) },
	{ B("INCR n k \" 1\"\n"), B(NO_NUMBER) },
	{ B("PUT n w one\n"), B(OK) },
	{ B("INCR n w\n"), B(NOT_NUMBER) },
	{ B("PUT n w \"\"\n"), B(OK) },
	{ B("INCR n w\n"), B(NOT_NUMBER) },
	{ B("PUT n w 9223372036854775808\n"), B(OK) },
	{ B("INCR n w -1\n"), B(NOT_NUMBER) },
	{ B("GET n w\n"), B("9223372036854775808\r\nOK\r\n") },
	{ B("INCR n\n"), B(UNKNOWN) },
	{ B("INCR n k 1 2\n"), B(UNKNOWN) },
	{ B("INCR none k\n"), B(MISSING) },
	{ B("INCR none k x\n"), B(NO_NUMBER) },
	{ B("INCR n \"\"\n"), B(NO_KEY) },
	{ B("BEGIN\nINCR n x EX 1h\nTTL n x\nINCR n x 5 EX 2h\nTTL n x\n"
	    "INCR n x\nTTL n x\nPERSIST n x\nINCR n x EX 2h\nTTL n x\n"
	    "DELETE n x\nCOMMIT\n"),
	    B(OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED
		    QUEUED "1\r\n" OK "3600\r\n" OK "6\r\n" OK "3600\r\n" OK
			   "7\r\n" OK "3600\r\n" OK OK
			   "8\r\n" OK EMPTY OK OK) },
	{ B("INCR n w EX 5\n"), B(NOT_NUMBER) },
	{ B("INCR n x EX 0\n"), B(RANGE) },
	{ B("INCR n x EX 5x\n"), B(NO_NUMBER) },
	{ B("INCR n x y EX 5\n"), B(NO_NUMBER) },
	{ B("INCR n x EX\n"), B(NO_NUMBER) },
	{ B("INCR n x 1 EX\n"), B(UNKNOWN) },
	{ B("INCR n x 1 EX 5 5\n"), B(UNKNOWN) },
	{ B("INCR n x 1 PX 5\n"), B(UNKNOWN) },
	{ B("INCR none x EX 5\n"), B(MISSING) },
	{ B("INCR \"\" x EX 5\n"), B(NO_BUCKET) },
	{ B("INCR n \"\" EX 5\n"), B(NO_KEY) },
	{ B("EXISTS n x\n"), B(MISSING) },

	/* COUNT and DROP */
	{ B("COUNT n\n"), B("3\r\nOK\r\n") },
	{ B("COUNT t\n"), B("0\r\nOK\r\n") },
	{ B("COUNT none\n"), B(MISSING) },
	{ B("COUNT\n"), B(UNKNOWN) },
	{ B("COUNT n n\n"), B(UNKNOWN) },
	{ B("COUNT \"\"\n"), B(NO_BUCKET) },
	{ B("DROP n\n"), B(OK) },
	{ B("DROP n\n"), B(MISSING) },
	{ B("GET n k\n"), B(MISSING) },
	{ B("CREATE n\n"), B(OK) },
	{ B("GET n k\n"), B(EMPTY) },
	{ B("COUNT n\n"), B("0\r\nOK\r\n") },
	{ B("DROP\n"), B(UNKNOWN) },
	{ B("DROP n n\n"), B(UNKNOWN) },
	{ B("DROP \"\"\n"), B(NO_BUCKET) },

	/* transactions */
	{ B("COMMIT\n"), B(NO_TRANSACTION) },
	{ B("ABORT\n"), B(NO_TRANSACTION) },
	{ B("BEGIN\n"), B(OK) },
	{ B("COMMIT\n"), B(OK) },
	{ B("COMMIT\n"), B(NO_TRANSACTION) },
	{ B("BEGIN\n"), B(OK) },
	{ B("ABORT\n"), B(OK) },
	{ B("ABORT\n"), B(NO_TRANSACTION) },
	{ B("begin\n"), B(OK) },
	{ B("put t k v\n"), B(QUEUED) },
	{ B("Commit\n"), B(OK OK) },
	{ B("BEGIN\n"), B(OK) },
	{ B("PUT t k 5 EX 5\n"), B(QUEUED) },
	{ B("TTL t k\n"), B(QUEUED) },
	{ B("INCR t k\n"), B(QUEUED) },
	{ B("TTL t k\n"), B(QUEUED) },
	{ B("CAS t k 6 7\n"), B(QUEUED) },
	{ B("TTL t k\n"), B(QUEUED) },
	{ B("EXPIRE t k 10000000000\n"), B(QUEUED) },
	{ B("TTL t k\n"), B(QUEUED) },
	{ B("GET t k\n"), B(QUEUED) },
	{ B("PERSIST t k\n"), B(QUEUED) },
	{ B("TTL t k\n"), B(QUEUED) },
	{ B("COUNT t\n"), B(QUEUED) },
	{ B("DELETE t k\n"), B(QUEUED) },
	{ B("EXISTS t k\n"), B(QUEUED) },
	{ B("ADD t k OK\n"), B(QUEUED) },
	{ B("GET t k\n"), B(QUEUED) },
	{ B("EXPIRE t none 5\n"), B(QUEUED) },
	{ B("CREATE u\n"), B(QUEUED) },
	{ B("DROP u\n"), B(QUEUED) },
	{ B("COMMIT\n"),
	    B(OK "5\r\n" OK "6\r\n" OK "5\r\n" OK OK "5\r\n" OK OK
		 "10000000000\r\n" OK "7\r\n" OK OK EMPTY
		 "1\r\n" OK OK MISSING OK "\"OK\"\r\n" OK MISSING OK OK OK) },

	/*
	 * a command that is invalid, or not allowed in a transaction, does not
	 * change the transaction
	 */
	{ B("BEGIN\n"), B(OK) },
	{ B("BEGIN\n"), B(NESTED) },
	{ B("PUT t k 1\n"), B(QUEUED) },
	{ B("BEGIN x\n"), B(UNKNOWN) },
	{ B("COMMIT x\n"), B(UNKNOWN) },
	{ B("ABORT x\n"), B(UNKNOWN) },
	{ B("NONSENSE\n"), B(UNKNOWN) },
	{ B("PUT t k\n"), B(UNKNOWN) },
	{ B("PUT t \"\" v\n"), B(NO_KEY) },
	{ B("PUT \"\" k v\n"), B(NO_BUCKET) },
	{ B("INCR t k x\n"), B(NO_NUMBER) },
	{ B("EXPIRE t k 0\n"), B(RANGE) },
	{ B("PUT t k \"x\n"), B("ERROR unbalanced quotes\r\n") },
	{ B("PUT t k \"\\q\"\n"), B("ERROR bad escape\r\n") },
	{ B("PING\n"), B(NOT_QUEUED) },
	{ B("ECHO a\n"), B(NOT_QUEUED) },
	{ B("STATS\n"), B(NOT_QUEUED) },
	{ B("HELP\n"), B(NOT_QUEUED) },
	{ B("HELP NONE\n"), B(NOT_QUEUED) },
	{ B("BUCKETS\n"), B(NOT_QUEUED) },
	{ B("KEYS t\n"), B(NOT_QUEUED) },
	{ B("ENTRIES t\n"), B(NOT_QUEUED) },
	{ B("SUBSCRIBE t\n"), B(NOT_QUEUED) },
	{ B("UNSUBSCRIBE t\n"), B(NOT_QUEUED) },
	{ B("\n"), B("") },
	{ B("INCR t k\n"), B(QUEUED) },
	{ B("COMMIT\n"), B(OK "2\r\n" OK OK) },

	/* a transaction is executed as a whole or not at all */
	{ B("BEGIN\n"), B(OK) },
	{ B("PUT t k 3\n"), B(QUEUED) },
	{ B("PUT n new x\n"), B(QUEUED) },
	{ B("ADD t k 4\n"), B(QUEUED) },
	{ B("PUT t k 5\n"), B(QUEUED) },
	{ B("COMMIT\n"), B(CONFLICT) },
	{ B("COMMIT\n"), B(NO_TRANSACTION) },
	{ B("GET t k\n"), B("2\r\nOK\r\n") },
	{ B("EXISTS n new\n"), B(MISSING) },
	{ B("BEGIN\n"), B(OK) },
	{ B("DROP n\n"), B(QUEUED) },
	{ B("CREATE u\n"), B(QUEUED) },
	{ B("PUT t k x\n"), B(QUEUED) },
	{ B("INCR t k\n"), B(QUEUED) },
	{ B("COMMIT\n"), B(NOT_NUMBER) },
	{ B("BEGIN\n"), B(OK) },
	{ B("PUT t k " MOST "\n"), B(QUEUED) },
	{ B("INCR t k\n"), B(QUEUED) },
	{ B("COMMIT\n"), B(OVERFLOW) },
	{ B("BEGIN\n"), B(OK) },
	{ B("DELETE t k\n"), B(QUEUED) },
	{ B("GET u k\n"), B(QUEUED) },
	{ B("COMMIT\n"), B(MISSING) },
	{ B("BEGIN\n"), B(OK) },
	{ B("DELETE t k\n"), B(QUEUED) },
	{ B("CAS t k 2 3\n"), B(QUEUED) },
	{ B("COMMIT\n"), B(CONFLICT) },
	{ B("GET t k\n"), B("2\r\nOK\r\n") },
	{ B("COUNT n\n"), B("0\r\nOK\r\n") },
	{ B("COUNT u\n"), B(MISSING) },
	{ B("BEGIN\n"), B(OK) },
	{ B("PUT t k 3\n"), B(QUEUED) },
	{ B("ABORT\n"), B(OK) },
	{ B("GET t k\n"), B("2\r\nOK\r\n") },

	/* HELP */
	{ B("HELP TTL\n"),
	    B("TTL bucket key - the seconds left to live, or an empty line\r\n"
	      "OK\r\n") },
	{ B("help put\n"),
	    B("PUT bucket key value [EX time] - set a value, for ever or "
	      "with a time to live\r\nOK\r\n") },
	{ B("HELP quit\n"), B("QUIT - close the connection\r\nOK\r\n") },
	{ B("HELP NONE\n"), B(UNKNOWN) },
	{ B("HELP \"\"\n"), B(UNKNOWN) },
	{ B("HELP PUT GET\n"), B(UNKNOWN) },
	{ B("STATS x\n"), B(UNKNOWN) },

	/* names and values that are empty or too long */
	{ B("CREATE " X255 "\n"), B(OK) },
	{ B("ADD " X255 " " X255 " v\n"), B(OK) },
	{ B("CAS " X255 " " X255 " v w\n"), B(OK) },
	{ B("INCR " X255 " " X255 "\n"), B(NOT_NUMBER) },
	{ B("EXPIRE " X255 " " X255 " 5\n"), B(OK) },
	{ B("COUNT " X255 "\n"), B("1\r\nOK\r\n") },
	{ B("DROP " X255 "\n"), B(OK) },
	{ B("ADD " X256 " k v\n"), B(LONG_BUCKET) },
	{ B("CAS " X256 " k v w\n"), B(LONG_BUCKET) },
	{ B("INCR " X256 " k\n"), B(LONG_BUCKET) },
	{ B("EXPIRE " X256 " k 5\n"), B(LONG_BUCKET) },
	{ B("PERSIST " X256 " k\n"), B(LONG_BUCKET) },
	{ B("TTL " X256 " k\n"), B(LONG_BUCKET) },
	{ B("COUNT " X256 "\n"), B(LONG_BUCKET) },
	{ B("DROP " X256 "\n"), B(LONG_BUCKET) },
	{ B("ADD t " X256 " v\n"), B(LONG_KEY) },
	{ B("CAS t " X256 " v w\n"), B(LONG_KEY) },
	{ B("INCR t " X256 "\n"), B(LONG_KEY) },
	{ B("PUT t " X256 " v EX 5\n"), B(LONG_KEY) },
	{ B("EXPIRE t " X256 " 5\n"), B(LONG_KEY) },
	{ B("PERSIST t " X256 "\n"), B(LONG_KEY) },
	{ B("TTL t " X256 "\n"), B(LONG_KEY) },
	{ B("ADD t l " V301 "\n"), B(LONG_VALUE) },
	{ B("ADD t l " V300 "\n"), B(OK) },
	{ B("CAS t l " V300 " " V301 "\n"), B(LONG_VALUE) },
	{ B("CAS t l " V301 " " V300 "\n"), B(LONG_VALUE) },
	{ B("CAS t l " V300 " " V300 "\n"), B(OK) },
	{ B("PUT t l " V301 " EX 5\n"), B(LONG_VALUE) },
	{ B("PUT t l " V300 " EX 5\n"), B(OK) },
	{ B("DROP t\n"), B(OK) },
	{ B("DROP n\n"), B(OK) },
};

static struct server *server;

/* Sets up a server with a socket whose far end the test can watch. */
static void
setup(void)
{
	server = server_new();
	server_option(server, "sync never");
	server_option(server, "max-value 300");
	listen_unix(server);
	server_run(server);
}

static void
teardown(void)
{
	server_stop(server);
}

TEST(test_lines)
{
	int fd = client_connect(server), round;
	size_t i;

	for (round = 0; round < 2; round++)
		for (i = 0; i < COUNT(lines); i++)
			client_exchange(fd, lines[i].request,
			    lines[i].request_size, lines[i].reply,
			    lines[i].reply_size);
	(void)close(fd);
}

static void
join_lines(struct buf *out, struct buf *want)
{
	size_t i;

	buf_init(out);
	buf_init(want);
	for (i = 0; i < COUNT(lines); i++) {
		buf_append(out, lines[i].request, lines[i].request_size);
		buf_append(want, lines[i].reply, lines[i].reply_size);
	}
	ck_assert(!buf_failed(out) && !buf_failed(want));
}

TEST(test_one_write)
{
	int fd = client_connect(server), round;
	struct buf out, want;

	join_lines(&out, &want);
	for (round = 0; round < 5; round++)
		client_exchange(fd, buf_data(&out), buf_size(&out),
		    buf_data(&want), buf_size(&want));
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/*
 * The lines are sent in pieces of this size, from each start, so that every
 * byte is once the end of a piece.
 */
#define PIECE 11

/* Reads what has come, so that the worker never waits for its client.  Returns
 * how much of `want` has now been read. */
static size_t
read_some(int fd, const struct buf *want, size_t got)
{
	uint8_t piece[4096];
	ssize_t n;

	while ((n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0) {
		ck_assert_uint_le((size_t)n, buf_size(want) - got);
		ck_assert_mem_eq(piece, buf_data(want) + got, (size_t)n);
		got += (size_t)n;
	}
	return got;
}

TEST(test_cut_anywhere)
{
	size_t cut, end, size, got;
	int fd = server_connect_unix(server), start;
	struct buf out, want;
	const uint8_t *p;

	join_lines(&out, &want);
	p = buf_data(&out);
	size = buf_size(&out);
	for (start = 1; start <= PIECE; start++) {
		for (cut = got = 0; cut < size; cut = end) {
			end = cut == 0 ? (size_t)start : cut + PIECE;
			end = end > size ? size : end;
			client_send(fd, p + cut, end - cut);
			client_await_read(fd);
			got = read_some(fd, &want, got);
		}
		client_expect(fd, buf_data(&want) + got, buf_size(&want) - got);
	}
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* Each command that HELP lists has a HELP text of its own. */
TEST(test_help)
{
	int fd = client_connect(server), other = client_connect(server), n;
	char line[LINE_SIZE], request[LINE_SIZE], word[LINE_SIZE];

	client_say(fd, "HELP\n");
	for (n = 0;; n++) {
		client_read_line(fd, line);
		if (strcmp(line, OK) == 0)
			break;
		ck_assert_int_eq(sscanf(line, "%127s", word), 1);
		snprintf(request, sizeof(request), "HELP %.100s\n", word);
		client_say(other, request);
		client_hear(other, line);
		client_hear(other, OK);
	}
	ck_assert_int_ge(n, 20);
	(void)close(fd);
	(void)close(other);
}

static void
await_stat(int fd, const char *name, long want)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (client_stat(fd, name) != want)
		pause_until(deadline_ms, name);
}

TEST(test_stats)
{
	int fd = client_connect(server), other = client_connect(server);
	long revision, requests;

	client_ask(fd, "CREATE b\nCREATE c\nPUT b k v\nPUT c k v EX 1000\n",
	    OK OK OK OK);
	client_ask(other, "PING\n", OK);
	ck_assert_int_eq(client_stat(fd, "buckets"), 2);
	ck_assert_int_eq(client_stat(fd, "keys"), 2);
	ck_assert_int_eq(client_stat(fd, "expiring"), 1);
	ck_assert_int_eq(client_stat(fd, "dropped"), 0);
	ck_assert_int_eq(client_stat(fd, "pins"), 0);
	ck_assert_int_eq(client_stat(fd, "workers"), 2);
	ck_assert_int_ge(client_stat(fd, "file-bytes"), 4 << 20);
	ck_assert_int_gt(client_stat(fd, "used-bytes"), 4096);
	ck_assert_int_lt(client_stat(fd, "uptime-seconds"), 1000);
	revision = client_stat(fd, "revision");
	requests = client_stat(fd, "requests");
	ck_assert_int_eq(client_stat(fd, "revision"), revision);
	ck_assert_int_eq(client_stat(fd, "requests"), requests + 2);
	client_ask(fd, "PUT b k w\n", OK);
	ck_assert_int_gt(client_stat(fd, "revision"), revision);
	(void)close(fd);
	(void)close(other);
}

/* Times to live */

static void
await_gone(int fd, const char *request)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char line[LINE_SIZE];

	for (;;) {
		client_say(fd, request);
		client_read_line(fd, line);
		if (strcmp(line, "NOT FOUND\r\n") == 0)
			return;
		ck_assert_str_eq(line, OK);
		pause_until(deadline_ms, request);
	}
}

/*
 * An expired key is gone for all commands, and kvd removes it from the disk
 * although nobody reads it.
 */
TEST(test_expiry)
{
	int fd = client_connect(server);
	int64_t start_ms;

	client_ask(fd, "CREATE b\nPUT b stays v\n", OK OK);
	start_ms = now_ms();
	client_ask(fd, "PUT b k v EX 1\nPUT b l v EX 1000\nPUT b m 5\n",
	    OK OK OK);
	client_ask(fd, "COUNT b\nEXPIRE b m 1\nINCR b m\n",
	    "4\r\nOK\r\n" OK "6\r\nOK\r\n");
	ck_assert_int_eq(client_stat(fd, "keys"), 4);
	await_stat(fd, "keys", 2);
	ck_assert_int_ge(now_ms() - start_ms, 1000);
	await_stat(fd, "expiring", 1);
	client_ask(fd, "GET b k\nEXISTS b m\nCOUNT b\nADD b k w\nINCR b m\n",
	    EMPTY MISSING "2\r\nOK\r\n" OK "1\r\nOK\r\n");
	client_ask(fd, "TTL b k\nTTL b m\nCOUNT b\n",
	    EMPTY EMPTY "4\r\nOK\r\n");
	(void)close(fd);
}

/* Many keys expire at once, and kvd answers other requests meanwhile. */
TEST(test_expiry_many)
{
	int fd = client_connect(server), other = client_connect(server), i;
	struct buf out, want;

	buf_init(&out);
	buf_init(&want);
	client_ask(fd, "CREATE b\n", OK);
	for (i = 0; i < 20000; i++) {
		add(&out, "PUT b k%d v EX %d\n", i, i % 4 == 0 ? 100 : 1);
		add(&want, OK);
	}
	client_exchange(fd, buf_data(&out), buf_size(&out), buf_data(&want),
	    buf_size(&want));
	while (client_stat(other, "expiring") > 5000)
		client_ask(other, "INCR b n 0\nPING\n", "0\r\nOK\r\n" OK);
	client_ask(fd, "COUNT b\nEXISTS b k4\n", "5001\r\nOK\r\n" OK);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
	(void)close(other);
}

/* A time to live runs on while the registry, or all of kvd, is dead. */
TEST(test_expiry_restart)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s);
	char line[LINE_SIZE];

	client_ask(fd, "CREATE b\nPUT b k v EX 1\nPUT b l v EX 1000\n",
	    OK OK OK);
	process_kill(server_pid(s, "registry"));
	await_gone(fd, "EXISTS b k\n");
	await_stat(fd, "keys", 1);
	client_ask(fd, "PUT b k v EX 1\n", OK);
	(void)close(fd);
	server_kill_all(s);
	server_restart(s);
	fd = client_connect(s);
	await_stat(fd, "keys", 1);
	client_say(fd, "TTL b l\n");
	client_read_line(fd, line);
	client_hear(fd, OK);
	ck_assert_int_gt(atol(line), 900);
	ck_assert_int_le(atol(line), 1000);
	(void)close(fd);
	server_stop(s);
}

/* Large buckets */

static void
put_many(int fd, const char *bucket, int n)
{
	struct buf out, want;
	int i;

	buf_init(&out);
	buf_init(&want);
	for (i = 0; i < n; i++) {
		add(&out, "PUT %s key%d value%d\n", bucket, i, i);
		add(&want, OK);
	}
	client_exchange(fd, buf_data(&out), buf_size(&out), buf_data(&want),
	    buf_size(&want));
	buf_clear(&out);
	buf_clear(&want);
}

/*
 * A dropped bucket is gone at once; its space becomes free after a while, even
 * if kvd restarts.
 */
TEST(test_drop_many)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), i;

	client_ask(fd, "CREATE b\nCREATE c\nPUT c k v\n", OK OK OK);
	put_many(fd, "b", 20000);
	client_ask(fd, "DROP b\nCREATE b\nCOUNT b\nPUT b key1 new\n",
	    OK OK "0\r\nOK\r\n" OK);
	for (i = 0; i < 3; i++)
		process_kill(server_pid(s, "registry"));
	client_ask(fd, "COUNT b\nGET b key1\nGET b key2\n",
	    "1\r\nOK\r\nnew\r\nOK\r\n" EMPTY);
	await_stat(fd, "dropped", 0);
	ck_assert_int_eq(client_stat(fd, "keys"), 2);
	client_ask(fd, "COUNT b\nGET b key1\nGET c k\n",
	    "1\r\nOK\r\nnew\r\nOK\r\nv\r\nOK\r\n");
	(void)close(fd);
	server_stop(s);
}

/*
 * A transaction may have 1000 commands, and 1 MiB beyond what any single
 * command needs.
 */
TEST(test_transaction_max)
{
	static char value[301];
	int fd = client_connect(server), i;
	struct buf out, want;

	buf_init(&out);
	buf_init(&want);
	client_ask(fd, "CREATE b\nBEGIN\n", OK OK);
	for (i = 0; i < 1000; i++) {
		add(&out, "INCR b k\n");
		add(&want, QUEUED);
	}
	add(&out, "INCR b k\nINCR b k x\nINCR b k\n");
	add(&want,
	    "ERROR transaction too large\r\n" NO_NUMBER
	    "ERROR transaction too large\r\n");
	add(&out, "COMMIT\n");
	for (i = 0; i < 1000; i++)
		add(&want, "%d\r\n" OK, i + 1);
	add(&want, OK);
	memset(value, 'v', 300);
	client_exchange(fd, buf_data(&out), buf_size(&out), buf_data(&want),
	    buf_size(&want));
	buf_truncate(&out, 0);
	buf_truncate(&want, 0);
	/*
	 * A transaction that has as many bytes as allowed has more than 1000 of
	 * these commands.
	 */
	client_ask(fd, "BEGIN\n", OK);
	for (i = 0; i < 1000; i++) {
		add(&out, "PUT b " X255 " %s\n", value);
		add(&want, QUEUED);
	}
	add(&out, "ABORT\nGET b k\n");
	add(&want, OK "1000\r\n" OK);
	client_exchange(fd, buf_data(&out), buf_size(&out), buf_data(&want),
	    buf_size(&want));
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/*
 * With large values the bytes are the limit: a little more than 3 MiB in all,
 * by default.
 */
TEST(test_transaction_bytes)
{
	struct server *s = server_start(NULL);
	size_t size = (size_t)1 << 20, i;
	int fd = client_connect(s);
	char *request = malloc(size + 32);

	ck_assert_ptr_nonnull(request);
	memcpy(request, "PUT b k ", 8);
	memset(request + 8, 'v', size);
	request[8 + size] = '\n';
	client_ask(fd, "CREATE b\nBEGIN\nINCR b n\n", OK OK QUEUED);
	for (i = 0; i < 3; i++)
		client_exchange(fd, request, size + 9, B(QUEUED));
	client_exchange(fd, request, size + 9,
	    B("ERROR transaction too large\r\n"));
	client_exchange(fd, request, size + 9,
	    B("ERROR transaction too large\r\n"));
	client_ask(fd, "INCR b n\n", QUEUED);
	client_ask(fd, "COMMIT\nEXISTS b k\n",
	    "1\r\n" OK OK OK OK "2\r\n" OK OK OK);
	/* The size of the replies is limited, too. */
	client_ask(fd, "BEGIN\nINCR b n\nGET b k\nGET b k\nGET b k\nCOMMIT\n",
	    OK QUEUED QUEUED QUEUED QUEUED "ERROR transaction too large\r\n");
	client_ask(fd, "GET b n\nCOMMIT\n", "2\r\n" OK NO_TRANSACTION);
	free(request);
	(void)close(fd);
	server_stop(s);
}

/* A client that hangs up or quits in a transaction has changed nothing. */
TEST(test_transaction_left)
{
	int fd = client_connect(server), other = client_connect(server);

	client_ask(fd, "CREATE b\nBEGIN\nPUT b k v\n", OK OK QUEUED);
	client_half_close(fd);
	client_expect_end(fd);
	fd = client_connect(server);
	client_ask(fd, "BEGIN\nPUT b k v\nQUIT\n", OK QUEUED OK);
	client_expect_end(fd);
	fd = client_connect(server);
	client_ask(fd, "BEGIN\nPUT b k v\n", OK QUEUED);
	process_kill(server_worker(server, fd));
	client_expect_gone(fd);
	client_ask(other, "EXISTS b k\nCOMMIT\n", MISSING NO_TRANSACTION);
	(void)close(other);
}

/* A crew: jobs that use the server at the same time */

#define CREW 4

/*
 * Sends the requests, checks the replies, counts one round, and empties both
 * buffers.
 */
static bool
crew_exchange(struct job *job, int fd, struct buf *out, struct buf *want)
{
	bool good = job_exchange(job, fd, out, want);

	job->done++;
	return good;
}

/*
 * Reads into `got`, which has room for `size` bytes, until it ends with `end`.
 */
static bool
crew_read(struct job *job, int fd, char *got, size_t size, const char *end)
{
	size_t n = 0;
	ssize_t r;

	for (;;) {
		if (n >= strlen(end) &&
		    memcmp(got + n - strlen(end), end, strlen(end)) == 0) {
			got[n] = '\0';
			return true;
		}
		if (n + 1 >= size || (r = read(fd, got + n, size - 1 - n)) <= 0)
			break;
		n += (size_t)r;
	}
	job_fail(job, "read: %.*s", (int)n, got);
	return false;
}

/* Transactions beside readers */

/*
 * Writes the same number to two buckets in a transaction.  "half" is only in
 * transactions that fail, so that no reader may see it.
 */
static void
write_pairs(struct job *job, int fd)
{
	struct buf out, want;
	bool good = true;
	unsigned long n;

	buf_init(&out);
	buf_init(&want);
	for (n = 1; good && !job->stop; n++) {
		add(&out, "BEGIN\nPUT a k %u.%lu\nPUT b k %u.%lu\nCOMMIT\n",
		    job->id, n, job->id, n);
		add(&want, OK QUEUED QUEUED OK OK OK);
		add(&out,
		    "BEGIN\nPUT a k half\nDROP c\nADD c k half\nADD b k x\n"
		    "PUT b k half\nCOMMIT\n");
		add(&want, OK QUEUED QUEUED QUEUED QUEUED QUEUED MISSING);
		add(&out,
		    "BEGIN\nPUT a k half\nADD b k half\nPUT b k half\n"
		    "COMMIT\n");
		add(&want, OK QUEUED QUEUED QUEUED CONFLICT);
		good = crew_exchange(job, fd, &out, &want);
	}
}

/*
 * Reads both buckets, in a transaction or in consecutive requests.  In a
 * transaction both values must be the same, and "half" must never appear.
 */
static void
read_pairs(struct job *job, int fd)
{
	static const char together[] = "BEGIN\nGET a k\nGET b k\nCOMMIT\n";
	static const char in_row[] = "GET a k\nGET b k\nPING\n";
	const char *ask = job->id % 2 ? together : in_row;
	char got[512], a[64], b[64];

	while (!job->stop) {
		if (write(fd, ask, strlen(ask)) != (ssize_t)strlen(ask) ||
		    !crew_read(job, fd, got, sizeof(got), OK OK))
			return;
		if (sscanf(got,
			job->id % 2 ? "OK QUEUED QUEUED %63s OK %63s OK" :
				      "%63s OK %63s OK",
			a, b) != 2 ||
		    strcmp(a, "half") == 0 || strcmp(b, "half") == 0 ||
		    (job->id % 2 && strcmp(a, b) != 0)) {
			job_fail(job, "read %.400s", got);
			return;
		}
		job->done++;
	}
}

static void
run_pairs(struct server *s, int kills)
{
	struct job *crew = jobs_new(CREW);
	int fd = client_connect(s), i;

	client_ask(fd, "CREATE a\nCREATE b\nPUT a k 0\nPUT b k 0\n",
	    OK OK OK OK);
	jobs_start(crew, 2, s, write_pairs);
	jobs_start(crew + 2, 2, s, read_pairs);
	for (i = 0; i < kills; i++) {
		jobs_await(crew, CREW, 1 + (unsigned long)random() % 20);
		process_kill(server_pid(s, "registry"));
	}
	jobs_await(crew, CREW, 50);
	jobs_stop(crew, CREW);
	(void)close(fd);
}

TEST(test_transaction_readers)
{
	run_pairs(server, 0);
}

/* The first restarts happen at once, and the later ones are delayed. */
#define KILLS 5
static const char *const patient[] = { "registry-timeout 60s", NULL };

TEST(test_transaction_readers_kill)
{
	struct server *s = server_start(patient);

	run_pairs(s, KILLS);
	server_stop(s);
}

/* The counters show how often each request was executed, and in which order. */
static void
count_exactly(struct job *job, int fd)
{
	unsigned long n = 0, i, batch;
	struct buf out, want;
	int id = (int)job->id;
	bool good = true;

	buf_init(&out);
	buf_init(&want);
	while (good && !job->stop) {
		/*
		 * Some batches are larger than what the worker reads at once.
		 */
		batch = job->done % 10 == 9 ? 200 : 1 + job->done % 8;
		for (i = 0; i < batch; i++) {
			n++;
			add(&out, "INCR b one%d\n", id);
			add(&want, "%lu\r\n" OK, n);
			add(&out,
			    "BEGIN\nINCR b two%d\nINCR c two%d\n"
			    "GET b one%d\nADD b new%d %lu\nCOMMIT\n",
			    id, id, id, id, n);
			add(&want,
			    OK QUEUED QUEUED QUEUED QUEUED
			    "%lu\r\n" OK "%lu\r\n" OK "%lu\r\n" OK OK OK,
			    n, n, n);
			add(&out, "GET b new%d\nADD b new%d x\n", id, id);
			add(&want, "%lu\r\n" OK CONFLICT, n);
			add(&out, "CAS b new%d %lu y EX\nCAS b new%d %lu y\n",
			    id, n, id, n);
			add(&want, UNKNOWN OK);
			add(&out,
			    "BEGIN\nINCR b two%d\nDELETE b new%d\n"
			    "CAS c two%d %lu x\nINCR c two%d\nCOMMIT\n",
			    id, id, id, n, id);
			add(&want, OK QUEUED QUEUED QUEUED QUEUED NOT_NUMBER);
			add(&out,
			    "GET c two%d\nDELETE b new%d\nEXISTS b new%d\n", id,
			    id, id);
			add(&want, "%lu\r\n" OK OK MISSING, n);
		}
		good = crew_exchange(job, fd, &out, &want);
	}
	/* The test compares these counters in the end. */
	add(&out, "INCR b one%d 0\nINCR b two%d 0\nINCR c two%d 0\n", id, id,
	    id);
	add(&want, "%lu\r\n" OK "%lu\r\n" OK "%lu\r\n" OK, n, n, n);
	if (good)
		(void)crew_exchange(job, fd, &out, &want);
}

TEST(test_exactly_once)
{
	struct server *s = server_start(patient);
	struct job *crew = jobs_new(CREW);
	int fd = client_connect(s), i;

	client_ask(fd, "CREATE b\nCREATE c\n", OK OK);
	jobs_start(crew, CREW, s, count_exactly);
	for (i = 0; i < KILLS; i++) {
		jobs_await(crew, CREW, 1 + (unsigned long)random() % 15);
		process_kill(server_pid(s, "registry"));
	}
	jobs_await(crew, CREW, 2);
	jobs_stop(crew, CREW);
	client_ask(fd, "COUNT b\nCOUNT c\n", "8\r\n" OK "4\r\n" OK);
	(void)close(fd);
	server_stop(s);
}

/* Random commands against a model */

#define BUCKETS 2
#define KEYS 4

struct model {
	bool bucket[BUCKETS];
	bool there[BUCKETS][KEYS];
	bool expires[BUCKETS][KEYS];
	long value[BUCKETS][KEYS]; /* negative: not a number; -5 is "v5" */
};

struct game {
	struct model now, begun;
	struct buf out, want;
	struct buf replies; /* of the open transaction */
	bool open;
	bool undone; /* one of its commands has failed */
	char only[64]; /* then its only reply */
	uint64_t state;
	int id;
};

static unsigned int
below(struct game *g, unsigned int n)
{
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return (unsigned int)(g->state >> 33) % n;
}

/* The command has this reply, now or at the end of the open transaction. */
__attribute__((format(printf, 2, 3))) static void
replies(struct game *g, const char *format, ...)
{
	struct buf *b = g->open ? &g->replies : &g->want;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (g->open)
		buf_append_text(&g->want, QUEUED);
	if (!g->undone)
		buf_append_text(b, text);
}

/* The command fails with this reply, which undoes the open transaction. */
static void
fails(struct game *g, const char *reply)
{
	replies(g, "%s", reply);
	if (!g->open || g->undone)
		return;
	g->undone = true;
	(void)strlcpy(g->only, reply, sizeof(g->only));
}

static const char *
value_text(long value, char text[32])
{
	snprintf(text, 32, value < 0 ? "v%ld" : "%ld", labs(value));
	return text;
}

/* A spot is a key and what the model knows about it. */
struct spot {
	char name[32]; /* bucket and key */
	bool *there, *expires;
	long *value;
};

static void
play_get(struct game *g, const struct spot *p)
{
	char text[32];

	add(&g->out, "GET %s\n", p->name);
	if (*p->there)
		replies(g, "%s\r\n" OK, value_text(*p->value, text));
	else
		replies(g, EMPTY);
}

static void
play_exists(struct game *g, const struct spot *p)
{
	add(&g->out, "EXISTS %s\n", p->name);
	replies(g, "%s", *p->there ? OK : MISSING);
}

static void
play_delete(struct game *g, const struct spot *p)
{
	add(&g->out, "DELETE %s\n", p->name);
	replies(g, OK);
	*p->there = false;
}

static void
play_delete_if(struct game *g, const struct spot *p)
{
	long value = *p->value + (below(g, 3) == 0);
	char text[32];

	add(&g->out, "DELETE %s IF %s\n", p->name, value_text(value, text));
	if (!*p->there || value != *p->value) {
		fails(g, CONFLICT);
		return;
	}
	replies(g, OK);
	*p->there = false;
}

static void
play_take(struct game *g, const struct spot *p)
{
	char text[32];

	add(&g->out, "TAKE %s\n", p->name);
	if (*p->there)
		replies(g, "%s\r\n" OK, value_text(*p->value, text));
	else
		replies(g, EMPTY);
	*p->there = false;
}

static void
play_put(struct game *g, const struct spot *p)
{
	char text[32];

	*p->value = (long)below(g, 20) - 10;
	*p->expires = below(g, 3) == 0;
	*p->there = true;
	add(&g->out, "PUT %s %s%s\n", p->name, value_text(*p->value, text),
	    *p->expires ? " EX 28h" : "");
	replies(g, OK);
}

static void
play_add(struct game *g, const struct spot *p)
{
	long value = (long)below(g, 20) - 10;
	bool expires = below(g, 2) == 0;
	char text[32];

	add(&g->out, "ADD %s %s%s\n", p->name, value_text(value, text),
	    expires ? " EX 100000s" : "");
	if (*p->there) {
		fails(g, CONFLICT);
		return;
	}
	replies(g, OK);
	*p->there = true;
	*p->expires = expires;
	*p->value = value;
}

static void
play_cas(struct game *g, const struct spot *p)
{
	long old = *p->value + (below(g, 3) == 0);
	long value = (long)below(g, 20) - 10;
	char text[32], old_text[32];

	add(&g->out, "CAS %s %s %s\n", p->name, value_text(old, old_text),
	    value_text(value, text));
	if (!*p->there || old != *p->value) {
		fails(g, CONFLICT);
		return;
	}
	replies(g, OK);
	*p->value = value;
}

static void
play_incr(struct game *g, const struct spot *p)
{
	bool expires = below(g, 2) == 0;

	add(&g->out, "INCR %s 3%s\n", p->name, expires ? " EX 2d" : "");
	if (*p->there && *p->value < 0) {
		fails(g, NOT_NUMBER);
		return;
	}
	/* An existing key keeps its time to live, or its lack of one. */
	if (!*p->there)
		*p->expires = expires;
	*p->value = *p->there ? *p->value + 3 : 3;
	*p->there = true;
	replies(g, "%ld\r\n" OK, *p->value);
}

static void
play_expire(struct game *g, const struct spot *p)
{
	*p->expires = below(g, 2) == 0;
	add(&g->out, *p->expires ? "EXPIRE %s 100000\n" : "PERSIST %s\n",
	    p->name);
	replies(g, "%s", *p->there ? OK : MISSING);
}

/* The test does not know how much of a time to live is left. */
static void
play_ttl(struct game *g, const struct spot *p)
{
	if (*p->there && *p->expires)
		return;
	add(&g->out, "TTL %s\n", p->name);
	replies(g, EMPTY);
}

/* Any command is refused if the bucket does not exist. */
static void
play_missing(struct game *g, const struct spot *p)
{
	static const struct {
		const char *command, *rest;
	} forms[] = { { "GET", "" }, { "EXISTS", "" }, { "DELETE", "" },
		{ "PUT", " v" }, { "PUT", " v EX 5" }, { "ADD", " v" },
		{ "CAS", " v w" }, { "INCR", "" }, { "EXPIRE", " 5" },
		{ "PERSIST", "" }, { "TTL", "" }, { "GET", " l" },
		{ "DELETE", " IF v" }, { "TAKE", "" }, { "ADD", " v EX 5" },
		{ "INCR", " EX 5" } };
	unsigned int i = below(g, COUNT(forms));

	add(&g->out, "%s %s%s\n", forms[i].command, p->name, forms[i].rest);
	fails(g, MISSING);
}

static void
play_key(struct game *g, unsigned int b, unsigned int k)
{
	static void (*const plays[])(struct game *,
	    const struct spot *) = { play_get, play_exists, play_delete,
		play_put, play_put, play_add, play_cas, play_cas, play_incr,
		play_expire, play_ttl, play_delete_if, play_take };
	struct spot p = { .there = &g->now.there[b][k],
		.expires = &g->now.expires[b][k],
		.value = &g->now.value[b][k] };

	snprintf(p.name, sizeof(p.name), "g%d.%u k%u", g->id, b, k);
	if (g->now.bucket[b])
		plays[below(g, COUNT(plays))](g, &p);
	else
		play_missing(g, &p);
}

/* All keys, in reverse order. */
static void
play_get_all(struct game *g, unsigned int b)
{
	char values[300] = "", text[32];
	unsigned int k;

	add(&g->out, "GET g%d.%u", g->id, b);
	for (k = KEYS; k-- > 0;) {
		add(&g->out, " k%u", k);
		if (g->now.there[b][k])
			(void)strlcat(values,
			    value_text(g->now.value[b][k], text),
			    sizeof(values));
		(void)strlcat(values, "\r\n", sizeof(values));
	}
	add(&g->out, "\n");
	if (g->now.bucket[b])
		replies(g, "%s" OK, values);
	else
		fails(g, MISSING);
}

/* The prefix is one key, or all. */
static void
play_pop(struct game *g, unsigned int b)
{
	unsigned int k = 0, end = KEYS;
	char prefix[32] = "", text[32];

	if (below(g, 3) == 0) {
		k = below(g, KEYS);
		end = k + 1;
		snprintf(prefix, sizeof(prefix), " PREFIX k%u", k);
	}
	add(&g->out, "POP g%d.%u%s\n", g->id, b, prefix);
	if (!g->now.bucket[b]) {
		fails(g, MISSING);
		return;
	}
	while (k < end && !g->now.there[b][k])
		k++;
	if (k == end) {
		replies(g, EMPTY);
		return;
	}
	replies(g, "k%u %s\r\n" OK, k, value_text(g->now.value[b][k], text));
	g->now.there[b][k] = false;
}

static void
play_clear(struct game *g, unsigned int b)
{
	unsigned int limit = 1 + below(g, 3), n = 0, k;

	add(&g->out, "CLEAR g%d.%u LIMIT %u PREFIX k\n", g->id, b, limit);
	if (!g->now.bucket[b]) {
		fails(g, MISSING);
		return;
	}
	for (k = 0; k < KEYS && n < limit; k++) {
		n += g->now.there[b][k];
		g->now.there[b][k] = false;
	}
	replies(g, "%u\r\n" OK, n);
}

static void
play_bucket(struct game *g, unsigned int b)
{
	unsigned int k, n = 0;

	switch (below(g, 7)) {
	case 4:
		play_get_all(g, b);
		break;
	case 5:
		play_pop(g, b);
		break;
	case 6:
		play_clear(g, b);
		break;
	case 0:
		add(&g->out, "DROP g%d.%u\n", g->id, b);
		if (!g->now.bucket[b])
			fails(g, MISSING);
		else
			replies(g, OK);
		g->now.bucket[b] = false;
		memset(g->now.there[b], 0, sizeof(g->now.there[b]));
		break;
	case 1:
		add(&g->out, "COUNT g%d.%u\n", g->id, b);
		for (k = 0; k < KEYS; k++)
			n += g->now.there[b][k];
		if (!g->now.bucket[b])
			fails(g, MISSING);
		else
			replies(g, "%u\r\n" OK, n);
		break;
	default:
		add(&g->out, "CREATE g%d.%u\n", g->id, b);
		replies(g, OK);
		g->now.bucket[b] = true;
	}
}

static void
play_begin(struct game *g)
{
	add(&g->out, "BEGIN\n");
	add(&g->want, g->open ? NESTED : OK);
	if (g->open)
		return;
	g->begun = g->now;
	g->open = true;
	g->undone = false;
}

static void
play_commit(struct game *g)
{
	add(&g->out, "COMMIT\n");
	if (!g->open)
		add(&g->want, NO_TRANSACTION);
	else if (g->undone) {
		add(&g->want, "%s", g->only);
		g->now = g->begun;
	} else {
		buf_append(&g->want, buf_data(&g->replies),
		    buf_size(&g->replies));
		add(&g->want, OK);
	}
	buf_truncate(&g->replies, 0);
	g->open = g->undone = false;
}

static void
play_abort(struct game *g)
{
	add(&g->out, "ABORT\n");
	add(&g->want, g->open ? OK : NO_TRANSACTION);
	if (g->open)
		g->now = g->begun;
	buf_truncate(&g->replies, 0);
	g->open = g->undone = false;
}

static void
play(struct game *g)
{
	switch (below(g, 20)) {
	case 0:
		play_begin(g);
		break;
	case 1:
	case 2:
		play_commit(g);
		break;
	case 3:
		play_abort(g);
		break;
	case 4:
		add(&g->out, "PUT g%d.0 k v XX 5\n", g->id);
		add(&g->want, UNKNOWN);
		break;
	case 5:
		add(&g->out, "INCR g%d.0 k 1x\n", g->id);
		add(&g->want, NO_NUMBER);
		break;
	case 6:
	case 7:
		play_bucket(g, below(g, BUCKETS));
		break;
	default:
		play_key(g, below(g, BUCKETS), below(g, KEYS));
	}
}

static void
play_game(struct job *job, int fd)
{
	struct game g = { .id = (int)job->id,
		.state = 88172645463325252u + (uint64_t)job->id * 977 +
		    (uint64_t)getppid() };
	bool good = true;
	unsigned int n;

	while (good && !job->stop) {
		n = below(&g, 8) == 0 ? 500 : 1 + below(&g, 20);
		while (n-- > 0)
			play(&g);
		good = crew_exchange(job, fd, &g.out, &g.want);
	}
}

TEST(test_model)
{
	struct job *crew = jobs_new(CREW);

	jobs_start(crew, CREW, server, play_game);
	jobs_await(crew, CREW, 150);
	jobs_stop(crew, CREW);
}

TEST(test_model_kill)
{
	struct server *s = server_start(patient);
	struct job *crew = jobs_new(CREW);
	int i;

	jobs_start(crew, CREW, s, play_game);
	for (i = 0; i < KILLS; i++) {
		jobs_await(crew, CREW, 1 + (unsigned long)random() % 15);
		process_kill(server_pid(s, "registry"));
	}
	jobs_await(crew, CREW, 2);
	jobs_stop(crew, CREW);
	server_stop(s);
}

/* A full disk */

static void
limit_file(const struct server *s)
{
	char path[PATH_MAX];
	struct rlimit limit;
	struct stat st;
	pid_t pid = server_pid(s, "registry");

	snprintf(path, sizeof(path), "%s/data/data.mdb", s->dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(prlimit(pid, RLIMIT_FSIZE, NULL, &limit), 0);
	limit.rlim_cur = (rlim_t)st.st_size;
	ck_assert_int_eq(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/*
 * Sends PUT with a value of this size; returns whether the reply was OK, and
 * not that the store is full.
 */
static bool
put_sized(int fd, const char *bucket, const char *key, size_t size,
    const char *more)
{
	static char value[2001];
	char status[LINE_SIZE];
	struct buf out;

	memset(value, 'v', 2000);
	buf_init(&out);
	add(&out, "PUT %s %s ", bucket, key);
	buf_append(&out, value, size);
	add(&out, "%s\n", more);
	client_send(fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	client_read_line(fd, status);
	if (strcmp(status, OK) == 0)
		return true;
	ck_assert_str_eq(status, "ERROR storage full\r\n");
	return false;
}

/* Puts values until there is no room, not even for a small one. */
static int
fill_disk(int fd, const char *bucket, size_t largest)
{
	const size_t sizes[] = { largest, largest / 10, 1 };
	char key[32];
	size_t i;
	int n = 0;

	for (i = 0; i < COUNT(sizes); i++)
		do
			snprintf(key, sizeof(key), "k%d", n++);
		while (put_sized(fd, bucket, key, sizes[i], ""));
	return n;
}

static void
await_room(int fd, size_t size)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (!put_sized(fd, "d", "k", size, ""))
		pause_until(deadline_ms, "no room");
}

/* Expired keys and dropped buckets make room without help. */
TEST(test_full_disk)
{
	static const char *const options[] = { "sync never", NULL };
	struct server *s = server_start(options);
	pid_t registry = server_pid(s, "registry");
	int fd = client_connect(s), i;
	char key[32];

	client_ask(fd, "CREATE b\nCREATE c\nCREATE d\n", OK OK OK);
	limit_file(s);
	for (i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert(put_sized(fd, "c", key, 2000, " EX 2"));
	}
	ck_assert_int_gt(fill_disk(fd, "b", 2000), 300);
	await_stat(fd, "expiring", 0);
	await_room(fd, 2000);

	(void)fill_disk(fd, "b", 2000);
	client_ask(fd, "INCR b n\nBEGIN\nPUT b n 1\nCOMMIT\n",
	    "ERROR storage full\r\n" OK QUEUED "ERROR storage full\r\n");
	client_ask(fd, "EXISTS b n\nDROP b\n", MISSING OK);
	await_stat(fd, "dropped", 0);
	await_room(fd, 2000);

	(void)fill_disk(fd, "c", 2000);
	client_ask(fd, "BEGIN\nDELETE c k1\nDROP c\nCOMMIT\n",
	    OK QUEUED QUEUED OK OK OK);
	await_stat(fd, "dropped", 0);
	await_room(fd, 2000);
	client_ask(fd, "CREATE b\nINCR b n\nCOUNT d\n",
	    OK "1\r\n" OK "1\r\n" OK);
	ck_assert_int_eq(server_pid(s, "registry"), registry);
	(void)close(fd);
	server_stop(s);
}

/*
 * A listing that the client does not read keeps the pages of deleted data in
 * use.  The listing is ended before the full disk makes kvd refuse to delete.
 */
TEST(test_full_disk_listing)
{
	int fd, slow, i, n;
	char request[64];

	fd = client_connect(server);
	client_ask(fd, "CREATE b\nCREATE d\n", OK OK);
	limit_file(server);
	n = fill_disk(fd, "b", 300);
	ck_assert_int_gt(n, 3000);
	slow = server_connect_unix(server);
	client_say(slow, "ENTRIES b\n");
	await_stat(fd, "pins", 1);
	for (i = 0; i < n / 2; i++) {
		snprintf(request, sizeof(request), "DELETE b k%d\n", i);
		client_ask(fd, request, OK);
	}
	(void)close(slow);
	await_stat(fd, "pins", 0);
	await_room(fd, 300);
	(void)close(fd);
}

static const struct test tests[] = {
	CASE("shared", setup, teardown),
	ONCE(test_lines),
	ONCE(test_one_write),
	ONCE(test_cut_anywhere),
	ONCE(test_help),
	ONCE(test_stats),
	ONCE(test_expiry),
	ONCE(test_expiry_many),
	ONCE(test_transaction_max),
	ONCE(test_transaction_left),
	ONCE(test_transaction_readers),
	ONCE(test_model),
	ONCE(test_full_disk_listing),
	CASE("options", NULL, NULL),
	ONCE(test_expiry_restart),
	ONCE(test_drop_many),
	ONCE(test_transaction_bytes),
	ONCE(test_transaction_readers_kill),
	ONCE(test_exactly_once),
	ONCE(test_model_kill),
	ONCE(test_full_disk),
};

SUITE("commands", tests)
