<?php
// PDO: named statements with untyped parameters, and emulated ones, by literals in the
// simple protocol.

if (!extension_loaded('pdo_pgsql')) {
	echo "1..0 # SKIP there is no pdo_pgsql\n";
	exit;
}
putenv('PGOPTIONS=-c client_min_messages=warning');

const STRATEGIES = ['cache_aside', 'read_through', 'write_through', 'write_around'];

$count = 0;
$failed = 0;

function ok($good, $title, ...$diagnostics)
{
	global $count, $failed;

	$count++;
	echo $good ? 'ok' : 'not ok', " $count - $title\n";
	if ($good) {
		return;
	}
	$failed++;
	foreach ($diagnostics as $line) {
		echo '# ', str_replace("\n", "\n# ", $line), "\n";
	}
}

function same($got, $expected, $title)
{
	ok($got === $expected, $title, 'got:      ' . var_export($got, true), 'expected: ' . var_export($expected, true));
}

function slurp($file)
{
	return file_get_contents(__DIR__ . '/' . $file);
}

function psql($sql)
{
	$process = proc_open(['psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1'],
		[['pipe', 'r'], ['file', '/dev/null', 'w'], ['pipe', 'w']], $pipes);
	fwrite($pipes[0], $sql);
	fclose($pipes[0]);
	$errors = stream_get_contents($pipes[2]);
	if (proc_close($process) !== 0) {
		throw new Exception("psql failed: $errors");
	}
}

// ----- the driver -----

class Connection
{
	private $db;
	private $prepared = [];

	public function __construct($emulated)
	{
		$this->db = new PDO(sprintf('pgsql:host=%s;port=%s;dbname=%s', getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE')),
			getenv('PGUSER'), '', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulated]);
	}

	private function execute($sql, $values)
	{
		// A question mark that is an operator is doubled.
		$sql = preg_replace('/\$\d+/', '?', str_replace('?', '??', $sql));
		$statement = $this->prepared[$sql] ?? ($this->prepared[$sql] = $this->db->prepare($sql));
		foreach ($values as $i => $value) {
			$type = is_resource($value) ? PDO::PARAM_LOB : (is_int($value) ? PDO::PARAM_INT
				: (is_bool($value) ? PDO::PARAM_BOOL : ($value === null ? PDO::PARAM_NULL : PDO::PARAM_STR)));
			if (is_resource($value)) {
				rewind($value);
			}
			$statement->bindValue($i + 1, $value, $type);
		}
		$statement->execute();
		return $statement;
	}

	public function rows($sql, $values)
	{
		$rows = $this->execute($sql, $values)->fetchAll(PDO::FETCH_NUM);
		return array_map(fn ($row) => array_map(
			fn ($v) => is_resource($v) ? '\x' . bin2hex(stream_get_contents($v)) : $v, $row), $rows);
	}

	public function run($sql, $values)
	{
		return $this->execute($sql, $values)->rowCount();
	}

	public function transaction($do)
	{
		$this->db->beginTransaction();
		try {
			$do();
			$this->db->commit();
		} catch (Undo $e) {
			$this->db->rollBack();
		}
	}

	public function savepoint($do)
	{
		$this->db->exec('SAVEPOINT s');
		try {
			$do();
			$this->db->exec('RELEASE SAVEPOINT s');
		} catch (Undo $e) {
			$this->db->exec('ROLLBACK TO SAVEPOINT s');
		}
	}
}

class Undo extends Exception
{
}

function value_of($kind, $text)
{
	switch ($kind) {
		case 'null':
			return null;
		case 'int':
		case 'bigint':
			return (int) $text;
		case 'bool':
			return $text === 'true';
		case 'ints':
		case 'texts':
			return '{' . $text . '}';
		case 'bytes':
			$stream = fopen('php://memory', 'r+');
			fwrite($stream, hex2bin($text));
			return $stream;
		default:
			return $text;
	}
}

function text_of($value)
{
	if ($value === null || is_bool($value)) {
		return json_encode($value);
	}
	$value = (string) $value;
	return preg_match('/^[\[{]/', $value) ? json_encode(json_decode($value), JSON_UNESCAPED_UNICODE) : $value;
}

// ----- calls -----

function blocks($file)
{
	foreach (preg_split('/\n\n+/', slurp($file)) as $block) {
		$lines = array_values(array_filter(explode("\n", $block), fn ($line) => $line !== '' && $line[0] !== '#'));
		if ($lines) {
			yield $lines[0] => array_slice($lines, 1);
		}
	}
}

function calls($emulated)
{
	psql(slurp('calls.sql'));
	$db = new Connection($emulated);
	foreach (blocks('calls.txt') as $title => $lines) {
		$params = $expected = [];
		$twin = $sql = $changed = null;
		$void = false;
		foreach ($lines as $line) {
			$rest = substr($line, 2);
			if ($line === 'void') {
				$void = true;
			} elseif ($line[0] === '?') {
				$sql = $rest;
			} elseif ($line[0] === '!') {
				$changed = (int) $rest;
			} elseif ($line[0] === '=') {
				$twin = $rest;
			} elseif ($line[0] === '>') {
				$expected[] = $rest;
			} else {
				[$kind, $text] = explode(' ', $rest, 2) + [1 => ''];
				$params[] = value_of($kind, $text);
			}
		}
		$title .= $emulated ? ' (emulated)' : '';
		try {
			if ($changed !== null) {
				same($db->run($sql, $params), $changed, $title);
				continue;
			}
			$got = $db->rows($sql, $params);
			if ($void) {
				ok(true, $title);
			} elseif ($twin) {
				same($got, $db->rows($twin, $params), $title);
			} else {
				same(array_map(fn ($row) => implode(' | ', array_map('text_of', $row)), $got), $expected, $title);
			}
		} catch (PDOException $e) {
			ok(false, $title, $sql, $e->getMessage());
		}
	}
}

// ----- life cycle -----

function life_cycle($db, $t)
{
	$check = function ($title, ...$ids) use ($db, $t) {
		$differences = [];
		$compare = function ($sql, $value, $expected) use ($db, &$differences) {
			$got = $db->rows($sql, [$value]);
			if ($got !== $expected) {
				array_push($differences, $sql, var_export($got, true), var_export($expected, true));
			}
		};
		for ($round = 0; $round < 2; $round++) {	// what the first has filled is compared, too
			foreach ($ids as $id) {
				$expected = $db->rows("SELECT * FROM $t WHERE id = \$1", [$id]);
				$compare("SELECT * FROM cache.read(NULL::$t, \$1) WHERE id IS NOT NULL", $id, $expected);
				$compare("SELECT * FROM cache.read(NULL::$t, \$1::int) WHERE id IS NOT NULL", $id, $expected);
			}
			$keys = '{' . implode(',', $ids) . '}';
			$compare("SELECT * FROM cache.read_many(NULL::$t, \$1::int[])", $keys, $db->rows(
				"SELECT t.* FROM unnest(\$1::int[]) WITH ORDINALITY k(id) JOIN $t t USING (id) ORDER BY ordinality", [$keys]));
		}
		ok(!$differences, "$t: $title: read as the table has it", ...$differences);
	};
	$create = fn ($name, $stock) =>
		$db->rows("INSERT INTO $t (name, stock) VALUES (\$1, \$2) RETURNING id", [$name, $stock])[0][0];
	$stock = fn ($id) => $db->rows("SELECT stock FROM $t WHERE id = \$1", [$id])[0][0];
	$update = fn ($id, $stock) => $db->run("UPDATE $t SET stock = \$1 WHERE id = \$2", [$stock, $id]);
	$optimistic = fn ($id, $version, $stock) => $db->run(
		"UPDATE $t SET stock = \$1, version = version + 1 WHERE id = \$2 AND version = \$3", [$stock, $id, $version]);

	$id = $create('lamp', 3);
	$check('created', $id);
	same($db->rows("SELECT name FROM $t WHERE id = \$1", [$id]), [['lamp']], "$t: found by key");
	same($update($id, 2), 1, "$t: one row is updated");
	$check('updated', $id);
	psql("UPDATE $t SET stock = 77 WHERE id = $id");
	same($stock($id), 77, "$t: reloaded after another session's change");
	$check('changed by another session', $id);
	same($optimistic($id, 0, 5), 1, "$t: optimistic locking, first");
	same($optimistic($id, 0, 6), 0, "$t: optimistic locking, too late");
	$check('locked optimistically', $id);
	$ids = [$id, $create('lamp 0', 0), $create('lamp 1', 1), $create('lamp 2', 2)];
	same($db->rows("SELECT name FROM $t WHERE id IN (\$1, \$2, \$3, \$4) ORDER BY id", $ids),
		[['lamp'], ['lamp 0'], ['lamp 1'], ['lamp 2']], "$t: list by IN");
	$check('listed', ...$ids);
	$db->transaction(function () use ($update, $check, $id, $ids) {
		$update($id, 8);
		$check('in a transaction that changed it', ...$ids);
		throw new Undo();
	});
	same($stock($id), 5, "$t: rolled back");
	$check('rolled back', ...$ids);
	$db->transaction(function () use ($db, $update, $check, $id, $ids) {
		$update($id, 10);
		$check('before a savepoint', ...$ids);
		$db->savepoint(function () use ($update, $check, $id, $ids) {
			$update($id, 20);
			$check('in a savepoint', ...$ids);
			throw new Undo();
		});
		$check('rolled back to a savepoint', ...$ids);
	});
	same($stock($id), 10, "$t: committed with a savepoint rolled back");
	$check('committed', ...$ids);
	same($db->run("DELETE FROM $t WHERE id = \$1", [$id]), 1, "$t: deleted");
	$check('deleted', ...$ids);
	same($db->rows("SELECT outcome FROM cache.explain(NULL::$t, \$1::int)", [$ids[1]]), [['hit']],
		"$t: answered from the cache");
}

// ----- migrations -----

function outcome($db, $sql)
{
	try {
		return $db->rows($sql, [1]);
	} catch (PDOException $e) {
		return $e->getCode();
	}
}

// What is read, by the SELECT and by cache.read(), prepared in a connection each.
function migrations()
{
	foreach (blocks('migrations.txt') as $title => $change) {
		foreach (['*', 'name, price, stock'] as $columns) {
			psql(slurp('migration.sql'));
			$seen = [];
			$statements = ["SELECT $columns FROM m WHERE id = \$1",
				"SELECT $columns FROM cache.read(NULL::m, \$1) WHERE id IS NOT NULL"];
			$connections = [new Connection(false), new Connection(false)];
			for ($i = 0; $i < 7; $i++) {		// until plans have settled
				foreach ($statements as $side => $sql) {
					$seen[$side] = [outcome($connections[$side], $sql)];
				}
			}
			psql(implode(";\n", $change));
			for ($i = 0; $i < 3; $i++) {
				foreach ($statements as $side => $sql) {
					$seen[$side][] = outcome($connections[$side], $sql);
				}
			}
			unset($connections);
			same($seen[1], $seen[0], "$title, SELECT $columns prepared");
		}
	}
}

foreach ([false, true] as $emulated) {
	$db = new Connection($emulated);
	foreach (STRATEGIES as $t) {
		try {
			life_cycle($db, $t);
		} catch (Exception $e) {
			ok(false, "$t: life cycle", (string) $e);
		}
	}
	unset($db);
	calls($emulated);
}
migrations();
echo "1..$count\n";
exit($failed ? 1 : 0);
