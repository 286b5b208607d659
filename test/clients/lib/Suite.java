// What the Java clients have in common.

import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Suite {
	public static int count = 0, failed = 0;

	public static boolean ok(boolean good, String title, Object... diagnostics) {
		count++;
		System.out.println((good ? "ok " : "not ok ") + count + " - " + title);
		if (good)
			return true;
		failed++;
		for (Object line : diagnostics)
			System.out.println("# " + String.valueOf(line).replace("\n", "\n# "));
		return false;
	}

	public static void same(Object got, Object expected, String title) {
		ok(Objects.equals(got, expected), title, "got:      " + got, "expected: " + expected);
	}

	public static void done() {
		System.out.println("1.." + count);
		System.exit(failed > 0 ? 1 : 0);
	}

	public static String url() {
		return "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
	}

	// By another session than the client's.
	public static void psql(String sql) throws Exception {
		ProcessBuilder builder = new ProcessBuilder("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-1");
		builder.environment().put("PGOPTIONS", "-c client_min_messages=warning");
		builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.INHERIT);
		Process process = builder.start();
		try (OutputStream in = process.getOutputStream()) {
			in.write(sql.getBytes("UTF-8"));
		}
		if (process.waitFor() != 0)
			throw new Exception("psql failed");
	}

	// ----- the code of a page -----

	// The code of docs/PAGE, ```java NAME; null if it is not there.
	public static String code(String page, String name) throws Exception {
		Matcher found = Pattern.compile("^```java " + name + "\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL)
				.matcher(Files.readString(Path.of(System.getenv("CLIENTS_DOCS"), page)));
		return ok(found.find(), "docs/" + page + ", " + name + ": is there") ? found.group(1) : null;
	}

	// The code as members of a class Page, with what has to be in front of them; null if
	// the compiler refuses it.
	public static Class<?> compiled(String title, String imports, String members) throws Exception {
		Path directory = Files.createTempDirectory(Path.of(System.getenv("CLIENTS_TMP")), "page");
		Path file = directory.resolve("Page.java");
		Files.writeString(file, imports + "\npublic class Page {\n" + members + "}\n");
		int status = javax.tools.ToolProvider.getSystemJavaCompiler().run(null, System.out, System.out, "-cp",
				System.getProperty("java.class.path"), "-d", directory.toString(), file.toString());
		return !ok(status == 0, title + ": is compiled") ? null
				: new java.net.URLClassLoader(new java.net.URL[] { directory.toUri().toURL() }).loadClass("Page");
	}

	public static String trace(Throwable e) {
		java.io.StringWriter trace = new java.io.StringWriter();
		e.printStackTrace(new java.io.PrintWriter(trace));
		return trace.toString();
	}

	// ----- results of plain SQL -----

	// The setting of connections to come.
	public static void results(String mode) throws Exception {
		String database = System.getenv("PGDATABASE");
		psql("ALTER DATABASE " + database + " SET cache_strategies.results = " + mode + "; ALTER DATABASE " + database
				+ " SET cache_strategies.results_min_cost = 0");
	}

	public interface Work {
		Object run() throws Exception;
	}

	public static final String COUNTERS =
		"SELECT CAST(coalesce(sum(hits), 0) AS int) AS hits, CAST(coalesce(sum(misses), 0) AS int) AS misses FROM cache.space_stats";

	// The session itself gives the two numbers: another one sees them later.
	public interface Counters {
		List<?> get() throws Exception;
	}

	// What it gives, and how many statements were hits and misses.
	public static String counted(Counters counters, Work work) throws Exception {
		List<?> before = counters.get();
		Object got = work.run();
		List<?> after = counters.get();
		return got + " " + ((Integer) after.get(0) - (Integer) before.get(0)) + " " + ((Integer) after.get(1) - (Integer) before.get(1));
	}
}
