# What the Ruby clients have in common: the calls, a model's life cycle, the
# migrations, and the code of docs/applications.md.

require 'bigdecimal'
require 'date'
require 'json'
require 'open3'

HERE = File.dirname(__dir__)
STRATEGIES = %w[cache_aside read_through write_through write_around].freeze

$count = 0
$failed = 0

def ok(good, title, *diagnostics)
  $count += 1
  puts "#{good ? 'ok' : 'not ok'} #{$count} - #{title}"
  unless good
    $failed += 1
    diagnostics.each { |line| puts "# #{line.to_s.gsub("\n", "\n# ")}" }
  end
  $stdout.flush
  good
end

def same(got, expected, title)
  ok(got == expected, title, "got:      #{got.inspect}", "expected: #{expected.inspect}")
end

def not_here(reason)
  puts "1..0 # SKIP #{reason.lines.first.strip}"
  exit
end

def done
  puts "1..#{$count}"
  exit($failed.zero? ? 0 : 1)
end

# By another session than the client's.
def psql(sql)
  output, status = Open3.capture2e({ 'PGOPTIONS' => '-c client_min_messages=warning' },
                                   'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', stdin_data: sql)
  raise output unless status.success?
end

# ----- values -----

def value_of(kind, text)
  case kind
  when 'null' then nil
  when 'int', 'bigint' then text.to_i
  when 'number' then BigDecimal(text)
  when 'bool' then text == 'true'
  when 'bytes' then [text].pack('H*')
  when 'ints' then text.split(',').map(&:to_i)
  when 'texts' then text.split(',')
  else text
  end
end

# As the expected rows have it.
def text_of(value)
  case value
  when nil then 'null'
  when Hash, Array then JSON.generate(value)
  when BigDecimal then value.frac.zero? ? value.to_i.to_s : value.to_s('F')
  when String
    if value.encoding == Encoding::BINARY
      "\\x#{value.unpack1('H*')}"
    else
      value =~ /\A[\[{]/ ? JSON.generate(JSON.parse(value)) : value
    end
  else value.to_s
  end
end

# ----- calls -----

def read_calls
  calls = []
  call = nil
  File.foreach(File.join(HERE, 'calls.txt'), encoding: 'utf-8', chomp: true) do |line|
    case line
    when /\A#/ then next
    when '' then call = nil
    when 'void' then call[:void] = true
    when /\A! (\d+)/ then call[:changed] = $1.to_i
    when /\A\? (.*)/ then call[:sql] = $1
    when /\A> (.*)/ then call[:rows] << $1
    when /\A= (.*)/ then call[:twin] = $1
    when /\A< (\w+) ?(.*)/ then call[:params] << [$1, value_of($1, $2)]
    else calls << (call = { title: line, params: [], rows: [] })
    end
  end
  calls
end

# client.connect gives an object with rows(sql, values), run(sql, values) and close;
# client.parameter(kind, value) what its users give for a value.
def calls(client, suffix = '')
  psql(File.read(File.join(HERE, 'calls.sql')))
  connection = client.connect
  read_calls.each do |call|
    title = call[:title] + suffix
    params = call[:params].map { |kind, value| client.parameter(kind, value) }
    begin
      if call[:void]
        connection.run(call[:sql], params)
        ok(true, title)
      elsif call[:changed]
        same(connection.run(call[:sql], params), call[:changed], title)
      elsif call[:twin]
        same(connection.rows(call[:sql], params), connection.rows(call[:twin], params), title)
      else
        same(connection.rows(call[:sql], params).map { |row| row.map { |v| text_of(v) }.join(' | ') },
             call[:rows], title)
      end
    rescue StandardError => e
      ok(false, title, call[:sql], "#{client.sqlstate(e)}: #{e.message}")
    end
  end
  connection.close
end

# ----- life cycle -----

class Undo < StandardError; end

# Compares what cache.read() and the SELECT give in one connection.
def check(client, model, table, title, *ids)
  differences = []
  compare = lambda do |sql, params, expected|
    got = model.rows(sql, params)
    differences.push(sql, "got:      #{got.inspect}", "expected: #{expected.inspect}") if got != expected
  end
  2.times do # what the first round has filled is compared, too
    ids.each do |id|
      params = [client.parameter('int', id)]
      expected = model.rows("SELECT * FROM #{table} WHERE id = $1", params)
      compare.call("SELECT * FROM cache.read(NULL::#{table}, $1) WHERE id IS NOT NULL", params, expected)
      compare.call("SELECT * FROM cache.read(NULL::#{table}, $1::int) WHERE id IS NOT NULL", params, expected)
    end
    params = [client.parameter('ints', ids)]
    compare.call("SELECT * FROM cache.read_many(NULL::#{table}, $1::int[])", params,
                 model.rows("SELECT t.* FROM unnest($1::int[]) WITH ORDINALITY k(id) JOIN #{table} t USING (id)
                             ORDER BY ordinality", params))
  end
  ok(differences.empty?, "#{table}: #{title}: read as the table has it", *differences)
end

# The block gives, for a table, a model with create(fields), find(id), update(id, fields),
# save(id, fields), reload(id) { change }, delete(id), optimistic(id, version, fields),
# list(ids), transaction {}, savepoint {} and rows(sql, values).
def life_cycle(client)
  STRATEGIES.each do |table|
    one_life(client, yield(table), table)
  rescue StandardError => e
    ok(false, "#{table}: life cycle", "#{client.sqlstate(e)}: #{e.full_message(highlight: false)}")
  end
end

def one_life(client, m, t)
  check = ->(title, *ids) { check(client, m, t, title, *ids) }
  id = m.create(name: 'lamp', price: BigDecimal('19.5'), stock: 3)
  check['created', id]
  same(m.find(id)[:name], 'lamp', "#{t}: found by key")
  same(m.update(id, stock: 2), 1, "#{t}: one row is updated")
  check['updated', id]
  m.save(id, name: 'desk lamp', stock: 4)
  check['saved', id]
  same(m.find(id)[:stock], 4, "#{t}: what was saved is found")
  found = m.reload(id) { psql("UPDATE #{t} SET stock = 77 WHERE id = #{id}") }
  same(found[:stock], 77, "#{t}: reloaded after another session's change")
  check['changed by another session', id]
  same(m.optimistic(id, 0, stock: 5), 1, "#{t}: optimistic locking, first")
  same(m.optimistic(id, 0, stock: 6), 0, "#{t}: optimistic locking, too late")
  check['locked optimistically', id]
  ids = [id] + (0..2).map { |i| m.create(name: "lamp #{i}", stock: i) }
  same(m.list(ids).map { |row| row[:name] }.sort, ['desk lamp', 'lamp 0', 'lamp 1', 'lamp 2'], "#{t}: list by IN")
  check['listed', *ids]
  begin
    m.transaction do
      m.update(id, name: 'in a transaction')
      check['in a transaction that changed it', *ids]
      raise Undo
    end
  rescue Undo
    same(m.find(id)[:name], 'desk lamp', "#{t}: rolled back")
  end
  check['rolled back', *ids]
  m.transaction do
    m.update(id, stock: 10)
    check['before a savepoint', *ids]
    begin
      m.savepoint do
        m.update(id, stock: 20)
        check['in a savepoint', *ids]
        raise Undo
      end
    rescue Undo
      check['rolled back to a savepoint', *ids]
    end
  end
  same(m.find(id)[:stock], 10, "#{t}: committed with a savepoint rolled back")
  check['committed', *ids]
  m.delete(id)
  same(m.find(id), nil, "#{t}: deleted")
  check['deleted', *ids]
  same(m.rows("SELECT outcome FROM cache.explain(NULL::#{t}, $1::int)", [client.parameter('int', ids[1])]),
       [['hit']], "#{t}: answered from the cache")
end

# ----- migrations -----

def read_migrations
  File.read(File.join(HERE, 'migrations.txt')).strip.split(/\n\n+/)
      .map { |block| block.lines(chomp: true).reject { |line| line.start_with?('#') } }
      .reject(&:empty?)
end

# What is read, by cache.read() and by the SELECT.
STATEMENTS = [
  ['SELECT *', 'SELECT * FROM cache.read(NULL::m, $1) WHERE id IS NOT NULL', 'SELECT * FROM m WHERE id = $1'],
  ['SELECT columns', 'SELECT name, price, stock FROM cache.read(NULL::m, $1) WHERE id IS NOT NULL',
   'SELECT name, price, stock FROM m WHERE id = $1']
].freeze

def outcome(client, connection, sql)
  connection.rows(sql, [client.parameter('int', 1)])
rescue StandardError => e
  client.sqlstate(e)
end

# A prepared read behaves as the prepared SELECT in another connection does.
def migrations(client)
  start = File.read(File.join(HERE, 'migration.sql'))
  read_migrations.each do |title, *change|
    STATEMENTS.each do |kind, read, select|
      psql(start)
      sides = [select, read].map { |sql| [client.connect, sql, []] }
      7.times { sides.each { |c, sql, seen| seen.replace([outcome(client, c, sql)]) } } # until plans have settled
      psql(change.join(";\n"))
      3.times { sides.each { |c, sql, seen| seen << outcome(client, c, sql) } }
      sides.each { |c,| c.close }
      same(sides[1][2], sides[0][2], "#{title}, #{kind} prepared")
    end
  end
end

# ----- the code of the page -----

# The code of docs/applications.md for it, ```LANGUAGE NAME before and after: both give
# the same rows.  The block makes a list of what a row has.
def page(name)
  text = File.read(File.join(ENV.fetch('CLIENTS_DOCS'), 'applications.md'), encoding: 'utf-8')
  %w[before after].each do |time|
    title = "docs/applications.md, #{name}, #{time}"
    found = text.scan(/^```\w+ #{name} #{time}\n(.*?)^```$/m)
    next unless same(found.size, 1, "#{title}: is there")

    TOPLEVEL_BINDING.eval(found[0][0], title)
    2.times do
      row = product(7)
      same([yield(row), product(1000), products([3, 1, 1000]).map { |r| yield(r) }.sort],
           [[7, 'product 7', BigDecimal('10.5'), 10], nil,
            [[1, 'product 1', BigDecimal('1.5'), 10], [3, 'product 3', BigDecimal('4.5'), 10]]], title)
    end
  rescue StandardError, ScriptError => e
    ok(false, title, e.full_message(highlight: false))
  end
end

# The code of docs/plain_sql.md, ```LANGUAGE NAME.
def recipe(name)
  text = File.read(File.join(ENV.fetch('CLIENTS_DOCS'), 'plain_sql.md'), encoding: 'utf-8')
  found = text.scan(/^```\w+ #{name}\n(.*?)^```$/m)
  same(found.size, 1, "docs/plain_sql.md, #{name}: is there")
  found[0][0]
end

# ----- results of plain SQL -----

COUNTERS = 'SELECT coalesce(sum(hits), 0)::int AS hits, coalesce(sum(misses), 0)::int AS misses FROM cache.space_stats'.freeze

# The setting of connections to come.
def results(mode)
  db = ENV.fetch('PGDATABASE')
  psql("ALTER DATABASE #{db} SET cache_strategies.results = #{mode};" \
       "ALTER DATABASE #{db} SET cache_strategies.results_min_cost = 0")
end

# What the block gives, and how many statements were hits and misses.
def counted(rows)
  before = rows.call(COUNTERS)[0].map(&:to_i)
  got = yield
  after = rows.call(COUNTERS)[0].map(&:to_i)
  [got, after[0] - before[0], after[1] - before[1]]
end
