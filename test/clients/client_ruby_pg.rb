# ruby-pg: extended protocol with untyped parameters, and named statements.

require_relative 'lib/suite'
begin
  require 'pg'
rescue LoadError => e
  not_here(e.message)
end

# A connection that prepares each statement once, or none.
class Connection
  def initialize(prepare)
    @db = PG.connect
    @db.type_map_for_results = PG::BasicTypeMapForResults.new(@db)
    @prepare = prepare
    @names = {}
  end

  def execute(sql, params)
    return @db.exec_params(sql, params) unless @prepare

    unless @names[sql]
      @db.prepare("s#{@names.size}", sql)
      @names[sql] = "s#{@names.size}"
    end
    @db.exec_prepared(@names[sql], params)
  end

  def rows(sql, params)
    execute(sql, params).values
  end

  def run(sql, params)
    execute(sql, params).cmd_tuples
  end

  def transaction(&block)
    @db.transaction(&block)
  end

  def savepoint
    @db.exec('SAVEPOINT s')
    yield
    @db.exec('RELEASE SAVEPOINT s')
  rescue StandardError
    @db.exec('ROLLBACK TO SAVEPOINT s')
    raise
  end

  def close
    @db.close
  end
end

class Client
  def initialize(prepare)
    @prepare = prepare
  end

  def connect
    Connection.new(@prepare)
  end

  # Values go as text; bytes and arrays are encoded.
  def parameter(kind, value)
    case kind
    when 'null' then nil
    when 'bytes' then { value: value, format: 1 }
    when 'ints', 'texts' then PG::TextEncoder::Array.new.encode(value)
    when 'number' then value.to_s('F')
    else value.to_s
    end
  end

  def sqlstate(error)
    (error.respond_to?(:result) && error.result&.error_field(PG::PG_DIAG_SQLSTATE)) || error.class.name
  end
end

class Model
  def initialize(client, connection, table)
    @client = client
    @c = connection
    @t = table
  end

  def given(values)
    values.map { |v| v.is_a?(BigDecimal) ? v.to_s('F') : v.to_s }
  end

  def rows(sql, params)
    @c.rows(sql, params)
  end

  def sets(fields)
    fields.keys.each_with_index.map { |name, i| "#{name} = $#{i + 1}" }.join(', ')
  end

  def create(fields)
    marks = (1..fields.size).map { |i| "$#{i}" }.join(', ')
    rows("INSERT INTO #{@t} (#{fields.keys.join(', ')}) VALUES (#{marks}) RETURNING id", given(fields.values))[0][0]
  end

  def find(id)
    row = rows("SELECT name, stock FROM #{@t} WHERE id = $1", given([id])).first
    row && { name: row[0], stock: row[1] }
  end

  def update(id, fields)
    @c.run("UPDATE #{@t} SET #{sets(fields)} WHERE id = $#{fields.size + 1}", given(fields.values + [id]))
  end

  alias save update

  def reload(id)
    yield
    find(id)
  end

  def delete(id)
    @c.run("DELETE FROM #{@t} WHERE id = $1", given([id]))
  end

  def optimistic(id, version, fields)
    @c.run("UPDATE #{@t} SET #{sets(fields)}, version = version + 1 " \
           "WHERE id = $#{fields.size + 1} AND version = $#{fields.size + 2}", given(fields.values + [id, version]))
  end

  def list(ids)
    marks = (1..ids.size).map { |i| "$#{i}" }.join(', ')
    rows("SELECT name FROM #{@t} WHERE id IN (#{marks})", given(ids)).map { |row| { name: row[0] } }
  end

  def transaction(&block)
    @c.transaction(&block)
  end

  def savepoint(&block)
    @c.savepoint(&block)
  end
end

[false, true].each do |prepare|
  client = Client.new(prepare)
  connection = client.connect
  life_cycle(client) { |table| Model.new(client, connection, table) }
  connection.close
  calls(client, prepare ? ' (prepared)' : '')
end
migrations(Client.new(true))
done
