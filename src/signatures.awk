# The C functions of the extension's script, with how many arguments each is declared
# with, and how many columns it returns, for the array in signature.c.
#
# usage: awk -f src/signatures.awk sql/cache_strategies--VERSION.sql

BEGIN {
	version = ARGV[1]
	sub(/.*--/, "", version)
	sub(/\.sql$/, "", version)
	printf "#define SCRIPT_VERSION \"%s\"\n#define SCRIPT_FUNCTIONS", version
}

/^CREATE (OR REPLACE )?FUNCTION / { statement = ""; reading = 1 }
reading { statement = statement " " $0 }
reading && /'MODULE_PATHNAME', '/ { declare(statement); reading = 0 }
reading && /;[ \t]*$/ { reading = 0 }

# One argument, with what stands around it.
function argument(word) {
	gsub(/^[ \t]+/, "", word)
	if (word ~ /^OUT[ \t]/)
		columns++
	else if (word != "")
		arguments++
}

function declare(text,    symbol, at, depth, quote, c, word) {
	match(text, /'MODULE_PATHNAME', '[a-z0-9_]+'/)
	symbol = substr(text, RSTART + 20, RLENGTH - 21)
	arguments = columns = depth = quote = 0
	word = ""
	for (at = index(text, "(") + 1; at <= length(text); at++) {
		c = substr(text, at, 1)
		if (c == "'")
			quote = !quote
		else if (!quote && c ~ /[(\[]/)
			depth++
		else if (!quote && c ~ /[)\]]/ && depth-- == 0)
			break
		else if (!quote && depth == 0 && c == ",") {
			argument(word)
			word = ""
			continue
		}
		word = word c
	}
	argument(word)
	printf " \\\n\t{\"%s\", %d, %d},", symbol, arguments, columns
}

END { printf "\n" }
