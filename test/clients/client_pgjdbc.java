// pgjdbc: typed parameters, unnamed statements at first, named with binary values from
// the fifth run; with stringtype=unspecified, strings without a type.

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

public class client_pgjdbc extends Suite {
	static final String[] STRATEGIES = { "cache_aside", "read_through", "write_through", "write_around" };
	static final Path HERE = Path.of(System.getenv("CLIENTS_DIR"));

	// ----- the driver -----

	static Connection connect(String options) throws SQLException {
		return DriverManager.getConnection(url() + options, System.getenv("PGUSER"), "");
	}

	static final Map<Connection, Map<String, PreparedStatement>> prepared = new HashMap<>();

	// A statement is prepared once and run many times.
	static PreparedStatement statement(Connection db, String sql, Object... values) throws SQLException {
		Map<String, PreparedStatement> statements = prepared.computeIfAbsent(db, k -> new HashMap<>());
		PreparedStatement s = statements.get(sql);
		if (s == null)
			// A question mark that is an operator is doubled.
			statements.put(sql, s = db.prepareStatement(sql.replace("?", "??").replaceAll("\\$\\d+", "?")));
		for (int i = 0; i < values.length; i++) {
			Object value = values[i];
			if (value == null)
				s.setNull(i + 1, Types.NULL);
			else if (value instanceof Integer[])
				s.setArray(i + 1, db.createArrayOf("int4", (Integer[]) value));
			else if (value instanceof String[])
				s.setArray(i + 1, db.createArrayOf("text", (String[]) value));
			else if (value instanceof byte[])
				s.setBytes(i + 1, (byte[]) value);
			else
				s.setObject(i + 1, value);
		}
		return s;
	}

	static Object comparable(Object value) throws SQLException {
		if (value instanceof byte[])
			return "\\x" + HexFormat.of().formatHex((byte[]) value);
		if (value instanceof Array)
			return Arrays.asList((Object[]) ((Array) value).getArray());
		return value;
	}

	static List<List<Object>> rows(Connection db, String sql, Object... values) throws SQLException {
		List<List<Object>> rows = new ArrayList<>();
		try (ResultSet result = statement(db, sql, values).executeQuery()) {
			ResultSetMetaData meta = result.getMetaData();
			while (result.next()) {
				List<Object> row = new ArrayList<>();
				for (int i = 1; i <= meta.getColumnCount(); i++)
					row.add(comparable(result.getObject(i)));
				rows.add(row);
			}
		}
		return rows;
	}

	static int run(Connection db, String sql, Object... values) throws SQLException {
		return statement(db, sql, values).executeUpdate();
	}

	static void close(Connection db) throws SQLException {
		prepared.remove(db);
		db.close();
	}

	static Object valueOf(String kind, String text) throws SQLException {
		switch (kind) {
			case "null": return null;
			case "int": return Integer.valueOf(text);
			case "bigint": return Long.valueOf(text);
			case "number": return new BigDecimal(text);
			case "bool": return Boolean.valueOf(text);
			case "bytes": return HexFormat.of().parseHex(text);
			case "uuid": return UUID.fromString(text);
			case "date": return Date.valueOf(text);
			case "json":
				org.postgresql.util.PGobject json = new org.postgresql.util.PGobject();
				json.setType("jsonb");
				json.setValue(text);
				return json;
			case "interval": return new org.postgresql.util.PGInterval(text);
			case "texts": return text.split(",");
			case "ints":
				return text.isEmpty() ? new Integer[0]
						: Arrays.stream(text.split(",")).map(Integer::valueOf).toArray(Integer[]::new);
			default: return text;
		}
	}

	// As the expected rows have it.
	static String textOf(Object value) {
		String text = String.valueOf(value);
		return text.matches("(?s)[\\[{].*") ? text.replaceAll("([:,]) ", "$1") : text;
	}

	// ----- calls -----

	static List<List<String>> blocks(String file) throws Exception {
		return Arrays.stream(Files.readString(HERE.resolve(file)).split("\n\n+"))
				.map(block -> block.lines().filter(line -> !line.isEmpty() && !line.startsWith("#")).collect(Collectors.toList()))
				.filter(lines -> !lines.isEmpty()).collect(Collectors.toList());
	}

	static void calls(String options) throws Exception {
		psql(Files.readString(HERE.resolve("calls.sql")));
		Connection db = connect(options);
		for (List<String> lines : blocks("calls.txt")) {
			String title = lines.get(0) + (options.isEmpty() ? "" : " (stringtype=unspecified)"), sql = null, twin = null;
			boolean isVoid = false;
			Integer changed = null;
			List<Object> params = new ArrayList<>();
			List<String> expected = new ArrayList<>();
			for (String line : lines.subList(1, lines.size())) {
				String rest = line.substring(2);
				switch (line.charAt(0)) {
					case '?': sql = rest; break;
					case '!': changed = Integer.valueOf(rest); break;
					case '=': twin = rest; break;
					case '>': expected.add(rest); break;
					case '<':
						String[] parts = rest.split(" ", 2);
						params.add(valueOf(parts[0], parts.length > 1 ? parts[1] : ""));
						break;
					default: isVoid = true;
				}
			}
			try {
				if (changed != null) {
					same(run(db, sql, params.toArray()), changed, title);
					continue;
				}
				List<List<Object>> got = rows(db, sql, params.toArray());
				if (isVoid)
					ok(true, title);
				else if (twin != null)
					same(got, rows(db, twin, params.toArray()), title);
				else
					same(got.stream().map(row -> row.stream().map(v -> textOf(v)).collect(Collectors.joining(" | ")))
							.collect(Collectors.toList()), expected, title);
			} catch (SQLException e) {
				ok(false, title, sql, e.getSQLState() + ": " + e.getMessage());
			}
		}
		close(db);
	}

	// ----- life cycle -----

	// Compares what cache.read() and the SELECT give in one connection.
	static void check(Connection db, String t, String title, Integer... ids) throws SQLException {
		List<Object> differences = new ArrayList<>();
		for (int round = 0; round < 6; round++) {		// from the fifth on, statements have names
			for (Integer id : ids) {
				Object expected = rows(db, "SELECT * FROM " + t + " WHERE id = $1", id);
				for (String key : new String[] { "$1", "$1::int" })
					compare(differences, expected, db,
							"SELECT * FROM cache.read(NULL::" + t + ", " + key + ") WHERE id IS NOT NULL", id);
			}
			compare(differences, rows(db, "SELECT t.* FROM unnest($1::int[]) WITH ORDINALITY k(id) JOIN " + t
					+ " t USING (id) ORDER BY ordinality", (Object) ids), db,
					"SELECT * FROM cache.read_many(NULL::" + t + ", $1::int[])", (Object) ids);
		}
		ok(differences.isEmpty(), t + ": " + title + ": read as the table has it", differences.toArray());
	}

	static void compare(List<Object> differences, Object expected, Connection db, String sql, Object... values)
			throws SQLException {
		Object got = rows(db, sql, values);
		if (!got.equals(expected))
			differences.addAll(List.of(sql, "got:      " + got, "expected: " + expected));
	}

	static Integer create(Connection db, String t, String name, int stock) throws SQLException {
		return (Integer) rows(db, "INSERT INTO " + t + " (name, stock) VALUES ($1, $2) RETURNING id", name, stock).get(0).get(0);
	}

	static Object stock(Connection db, String t, Integer id) throws SQLException {
		return rows(db, "SELECT stock FROM " + t + " WHERE id = $1", id).get(0).get(0);
	}

	static void lifeCycle(Connection db, String t) throws Exception {
		String update = "UPDATE " + t + " SET stock = $1 WHERE id = $2";
		String optimistic = "UPDATE " + t + " SET stock = $1, version = version + 1 WHERE id = $2 AND version = $3";
		Integer id = create(db, t, "lamp", 3);

		check(db, t, "created", id);
		same(rows(db, "SELECT name FROM " + t + " WHERE id = $1", id), List.of(List.of("lamp")), t + ": found by key");
		same(run(db, update, 2, id), 1, t + ": one row is updated");
		check(db, t, "updated", id);
		psql("UPDATE " + t + " SET stock = 77 WHERE id = " + id);
		same(stock(db, t, id), 77, t + ": reloaded after another session's change");
		check(db, t, "changed by another session", id);
		same(run(db, optimistic, 5, id, 0), 1, t + ": optimistic locking, first");
		same(run(db, optimistic, 6, id, 0), 0, t + ": optimistic locking, too late");
		check(db, t, "locked optimistically", id);
		Integer[] ids = { id, create(db, t, "lamp 0", 0), create(db, t, "lamp 1", 1), create(db, t, "lamp 2", 2) };
		same(rows(db, "SELECT name FROM " + t + " WHERE id IN ($1, $2, $3, $4) ORDER BY id", (Object[]) ids).toString(),
				"[[lamp], [lamp 0], [lamp 1], [lamp 2]]", t + ": list by IN");
		check(db, t, "listed", ids);
		db.setAutoCommit(false);
		run(db, update, 8, id);
		check(db, t, "in a transaction that changed it", ids);
		db.rollback();
		same(stock(db, t, id), 5, t + ": rolled back");
		check(db, t, "rolled back", ids);
		db.commit();
		run(db, update, 10, id);
		check(db, t, "before a savepoint", ids);
		Savepoint savepoint = db.setSavepoint();
		run(db, update, 20, id);
		check(db, t, "in a savepoint", ids);
		db.rollback(savepoint);
		check(db, t, "rolled back to a savepoint", ids);
		db.commit();
		db.setAutoCommit(true);
		same(stock(db, t, id), 10, t + ": committed with a savepoint rolled back");
		check(db, t, "committed", ids);
		same(run(db, "DELETE FROM " + t + " WHERE id = $1", id), 1, t + ": deleted");
		check(db, t, "deleted", ids);
		same(rows(db, "SELECT outcome FROM cache.explain(NULL::" + t + ", $1::int)", ids[1]).toString(), "[[hit]]",
				t + ": answered from the cache");
	}

	// ----- migrations -----

	static Object outcome(Connection db, String sql) {
		try {
			return rows(db, sql, 1);
		} catch (SQLException e) {
			return e.getSQLState();
		}
	}

	// What is read, by the SELECT and by cache.read(), prepared in a connection each.
	static void migrations() throws Exception {
		for (List<String> lines : blocks("migrations.txt")) {
			for (String columns : new String[] { "*", "name, price, stock" }) {
				String[] statements = { "SELECT " + columns + " FROM m WHERE id = $1",
						"SELECT " + columns + " FROM cache.read(NULL::m, $1) WHERE id IS NOT NULL" };
				Connection[] connections = { connect(""), connect("") };
				List<List<Object>> seen = List.of(new ArrayList<>(), new ArrayList<>());

				psql(Files.readString(HERE.resolve("migration.sql")));
				for (int i = 0; i < 7; i++) {		// until the driver and plans have settled
					for (int side = 0; side < 2; side++) {
						seen.get(side).clear();
						seen.get(side).add(outcome(connections[side], statements[side]));
					}
				}
				psql(String.join(";\n", lines.subList(1, lines.size())));
				for (int i = 0; i < 3; i++) {
					for (int side = 0; side < 2; side++)
						seen.get(side).add(outcome(connections[side], statements[side]));
				}
				for (Connection db : connections)
					close(db);
				same(seen.get(1), seen.get(0), lines.get(0) + ", SELECT " + columns + " prepared");
			}
		}
	}

	// ----- the code of the page -----

	// The code of docs/applications.md for it, ```java spring before and after: both give
	// the same rows.  It is what a class has beside its field jdbc.
	static void page() throws Exception {
		for (String when : new String[] { "before", "after" }) {
			String title = "docs/applications.md, spring, " + when, code = code("applications.md", "spring " + when);
			Class<?> type = code == null ? null : compiled(title,
					"import java.math.BigDecimal;\nimport java.util.*;\nimport org.springframework.jdbc.core.*;",
					"public JdbcTemplate jdbc;\n" + code);
			if (type != null)
				runPage(title, type);
		}
	}

	// By reflection: whether Spring is there is known when this runs.
	static void runPage(String title, Class<?> type) throws Exception {
		Object page = type.getConstructor().newInstance();
		org.postgresql.ds.PGSimpleDataSource source = new org.postgresql.ds.PGSimpleDataSource();
		source.setURL(url());
		source.setUser(System.getenv("PGUSER"));
		type.getField("jdbc").set(page, type.getClassLoader().loadClass("org.springframework.jdbc.core.JdbcTemplate")
				.getConstructor(javax.sql.DataSource.class).newInstance(source));
		java.lang.reflect.Method product = type.getMethod("product", int.class);
		java.lang.reflect.Method products = type.getMethod("products", Integer[].class);
		try {
			for (int i = 0; i < 2; i++) {
				List<?> many = (List<?>) products.invoke(page, (Object) new Integer[] { 3, 1, 1000 });
				same(product.invoke(page, 7) + " " + product.invoke(page, 1000) + " "
						+ many.stream().map(String::valueOf).sorted().collect(Collectors.joining(" ")),
						"Product[id=7, name=product 7, price=10.5, stock=10] null "
								+ "Product[id=1, name=product 1, price=1.5, stock=10] "
								+ "Product[id=3, name=product 3, price=4.5, stock=10]", title);
			}
		} catch (java.lang.reflect.InvocationTargetException e) {
			ok(false, title, trace(e.getCause()));
		}
	}

	// ----- results of plain SQL -----

	static Object customerPage(Connection db, int customer) throws SQLException {
		return rows(db, "SELECT name FROM shop.customers WHERE id = $1", customer) + " "
				+ rows(db, "SELECT id FROM shop.orders WHERE customer_id = $1 AND state = 'open' ORDER BY id", customer) + " "
				+ rows(db, "SELECT count(*) FROM shop.orders WHERE state = $1", "open");
	}

	static void plainResults() throws Exception {
		results("auto");
		Connection db = connect("");
		Counters counters = () -> rows(db, COUNTERS).get(0);
		String first = "[[customer 7]] [[6], [26], [46], [66], [86]] [[100]]", later = first.replace("100", "99");
		String other = "[[customer 8]] [[27], [47], [67], [87]] [[99]]";
		// from the fifth run on a statement has a name
		for (int i = 0; i < 7; i++)
			same(customerPage(db, 7), first, "auto: content");
		customerPage(db, 8);
		same(counted(counters, () -> customerPage(db, 7)), first + " 3 0", "auto: all statements of a page are hits");
		statement(db, "UPDATE shop.orders SET state = 'delivered' WHERE id = $1", 7).executeUpdate();	// of customer 8
		same(counted(counters, () -> customerPage(db, 7)), later + " 2 1", "auto: a write ends what reads all orders, and nothing of another customer");
		same(counted(counters, () -> customerPage(db, 8)), other + " 2 1", "auto: a write ends what reads the orders of its customer");
		same(counted(counters, () -> customerPage(db, 8)), other + " 3 0", "auto: and it is kept again");
		close(db);
		// A comment at the beginning, as Hibernate writes it.
		results("declared");
		Connection declared = connect("");
		Counters ofDeclared = () -> rows(declared, COUNTERS).get(0);
		String sql = "select c1_0.id,c1_0.name from shop.customers c1_0 where c1_0.id=$1";
		same(counted(ofDeclared, () -> rows(declared, sql, 12)), "[[12, customer 12]] 0 0", "declared: no comment, nothing is kept");
		same(counted(ofDeclared, () -> rows(declared, "/* cache ttl=60s */ " + sql, 12) + " " + rows(declared, "/* cache ttl=60s */ " + sql, 12)),
				"[[12, customer 12]] [[12, customer 12]] 1 1", "declared: a comment at the beginning");
		close(declared);
		results("off");
	}

	public static void main(String[] arguments) throws Exception {
		for (String options : new String[] { "", "?stringtype=unspecified" }) {
			Connection db = connect(options);
			for (String t : STRATEGIES) {
				try {
					lifeCycle(db, t);
				} catch (SQLException e) {
					ok(false, t + ": life cycle", e.getSQLState() + ": " + e.getMessage());
					if (!db.getAutoCommit()) {
						db.rollback();
						db.setAutoCommit(true);
					}
				}
			}
			close(db);
			calls(options);
		}
		plainResults();
		migrations();
		try {
			Class.forName("org.springframework.jdbc.core.JdbcTemplate");
			page();
		} catch (ClassNotFoundException e) {
			System.out.println("ok " + ++count + " - docs/applications.md, spring # SKIP Spring is not there");
		}
		done();
	}
}
