using AuthIndex.Hosting.Sqlite;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AuthIndex.Hosting.Tests.Sqlite;

public sealed class CachingConnectionTests : IDisposable
{
    private readonly CachingConnection db = new("Data Source=:memory:");

    public CachingConnectionTests()
    {
        db.Open();
        db.Handle!.enable_sqlite3_next_stmt(true);
        db.Execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)");
    }

    public void Dispose() => db.Dispose();

    [Fact]
    public void A_statement_is_prepared_once()
    {
        const string sql = "SELECT count(*) FROM item WHERE name = @name";
        for (var i = 0; i < 10; i++) Assert.Equal(0, db.ExecuteScalar<long>(sql, new { name = $"{i}" }));
        Assert.Single(Prepared(), sql);
    }

    [Fact]
    public void A_statement_takes_the_parameters_of_each_use_alone()
    {
        const string insert = "INSERT INTO item (id, name) VALUES (@id, @name)";
        db.Execute(insert, new { id = 1, name = "one" });
        db.Execute(insert, new { name = (string?)null, id = 2 });
        db.Execute(insert, new { id = 3, name = "three" });
        Assert.Equal(["one", null, "three"], db.Query<string?>("SELECT name FROM item ORDER BY id"));
        Assert.Throws<InvalidOperationException>(() => db.Execute(insert, new { id = 4 })); // not the name of the last use
        db.Execute(insert, new { id = 4, name = "four" });
    }

    [Fact]
    public void A_parameter_may_be_a_list()
    {
        db.Execute("INSERT INTO item (name) VALUES ('a'), ('b'), ('c')");
        const string sql = "SELECT name FROM item WHERE name <> @not AND name IN @names AND name <> @zero ORDER BY name";
        Assert.Equal(["a", "b"], db.Query<string>(sql, new { not = "c", names = (string[])["a", "b", "c"], zero = "0" }));
        Assert.Equal(["c"], db.Query<string>(sql, new { not = "a", names = (string[])["a", "c", "d"], zero = "0" }));
        Assert.Empty(db.Query<string>(sql, new { not = "a", names = (string[])[], zero = "0" }));
    }

    [Fact]
    public void A_statement_that_failed_can_be_used_again()
    {
        const string insert = "INSERT INTO item (name) VALUES (@name)";
        db.Execute(insert, new { name = "a" });
        Assert.Throws<SqliteException>(() => db.Execute(insert, new { name = "a" }));
        Assert.Equal(1, db.Execute(insert, new { name = "b" }));
    }

    [Fact]
    public void A_statement_may_be_used_inside_its_own_results()
    {
        db.Execute("INSERT INTO item (name) VALUES ('a'), ('b')");
        const string sql = "SELECT name FROM item ORDER BY name";
        var seen = new List<string>();
        foreach (var outer in db.Query<string>(sql, buffered: false))
        {
            seen.AddRange(db.Query<string>(sql).Select(inner => outer + inner));
        }

        Assert.Equal(["aa", "ab", "ba", "bb"], seen);
    }

    [Fact]
    public void Results_that_were_left_unread_hold_nothing_open()
    {
        db.Execute("INSERT INTO item (name) VALUES ('a'), ('b')");
        for (var i = 0; i < 2; i++) Assert.Equal("a", db.QueryFirst<string>("SELECT name FROM item ORDER BY name"));
        db.Execute("DROP TABLE item"); // refused while a statement is being read
    }

    [Fact]
    public void A_statement_follows_a_change_of_the_schema()
    {
        const string sql = "SELECT * FROM item";
        db.Execute("INSERT INTO item (name) VALUES ('a')");
        Assert.Equal(2, ((IDictionary<string, object>)db.QuerySingle(sql)).Count);
        db.Execute("ALTER TABLE item ADD COLUMN size INTEGER");
        Assert.Equal(3, ((IDictionary<string, object>)db.QuerySingle(sql)).Count);
    }

    [Fact]
    public void The_statements_kept_are_bounded()
    {
        for (var i = 0; i < 500; i++) db.ExecuteScalar<long>($"SELECT {i}");
        Assert.InRange(Prepared().Count, 1, 101);
    }

    [Fact]
    public void Statements_that_are_used_once_do_not_keep_out_one_that_is_used_always()
    {
        const string always = "SELECT count(*) FROM item";
        for (var i = 0; i < 500; i++) db.ExecuteScalar<long>($"SELECT {i}");
        db.ExecuteScalar<long>(always);
        Assert.Contains(always, Prepared());
        for (var i = 500; i < 550; i++) db.ExecuteScalar<long>($"SELECT {i}");
        Assert.Contains(always, Prepared());
    }

    private List<string> Prepared()
    {
        var found = new List<string>();
        for (var at = raw.sqlite3_next_stmt(db.Handle, null); at is not null; at = raw.sqlite3_next_stmt(db.Handle, at))
        {
            found.Add(raw.sqlite3_sql(at).utf8_to_string());
        }

        return found;
    }
}
