using System.Text;
using AuthIndex.TokenServer.Identity.Htpasswd;
using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.TokenServer.Tests.Identity.Htpasswd;

public sealed class HtpasswdEditTests
{
    // Lines as people leave them: comments, blanks, accounts twice, no hash, odd bytes, both line ends.
    private static readonly Gen<string> Line = Gen.Elements(
        "# a comment", "", "   ", "alice:$2y$04$one", "alice:two", "bob:x", "alicea:y", "alic:z", "no colon", "#alice:commented out",
        "ünïcode:h", ":empty", "alice", "\t");

    private static readonly Arbitrary<string> Files = (
        from lines in Gen.ListOf(from line in Line from end in Gen.Elements("\n", "\r\n") select line + end)
        from last in Gen.Elements("", "bob:unfinished", "# end", "alice:last")
        select string.Concat(lines) + last).ToArbitrary();

    [Fact]
    public void Adding_keeps_every_byte_before_and_appends_one_line() => Prop.ForAll(Files, file =>
    {
        var before = Encoding.UTF8.GetBytes(file);
        var after = HtpasswdEdit.Add(before, "carol", "hash")!;
        var added = file.Length > 0 && !file.EndsWith('\n') ? "\ncarol:hash\n" : "carol:hash\n";
        return Encoding.UTF8.GetString(after) == file + added;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Replacing_changes_the_first_line_of_the_account_and_no_other_byte() => Prop.ForAll(Files, file =>
    {
        var lines = Lines(file);
        var first = lines.FindIndex(l => l.StartsWith("alice:", StringComparison.Ordinal));
        var after = HtpasswdEdit.Replace(Encoding.UTF8.GetBytes(file), "alice", "new");
        if (first < 0) return after is null;
        var end = lines[first][lines[first].TrimEnd('\r', '\n').Length..];
        lines[first] = "alice:new" + end;
        return Encoding.UTF8.GetString(after!) == string.Concat(lines);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Removing_takes_every_line_of_the_account_and_no_other_byte() => Prop.ForAll(Files, file =>
    {
        var lines = Lines(file);
        var after = HtpasswdEdit.Remove(Encoding.UTF8.GetBytes(file), "alice");
        return lines.RemoveAll(l => l.StartsWith("alice:", StringComparison.Ordinal)) == 0
            ? after is null
            : Encoding.UTF8.GetString(after!) == string.Concat(lines);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_account_that_exists_is_not_added_again() =>
        Assert.Null(HtpasswdEdit.Add("alice:x\n"u8, "alice", "hash"));

    [Fact]
    public void A_commented_account_does_not_exist() =>
        Assert.Equal("#alice:x\nalice:hash\n"u8.ToArray(), HtpasswdEdit.Add("#alice:x\n"u8, "alice", "hash"));

    private static List<string> Lines(string file)
    {
        var lines = new List<string>();
        for (var start = 0; start < file.Length;)
        {
            var end = file.IndexOf('\n', start);
            end = end < 0 ? file.Length : end + 1;
            lines.Add(file[start..end]);
            start = end;
        }

        return lines;
    }

    [Fact]
    public void A_byte_order_mark_stays_where_it_is_and_is_no_part_of_the_first_name()
    {
        byte[] file = [0xEF, 0xBB, 0xBF, .. "alice:x\nbob:y\n"u8];
        Assert.Equal(["alice", "bob"], HtpasswdEdit.Names(file));
        Assert.Null(HtpasswdEdit.Add(file, "alice", "z"));
        Assert.Equal("\uFEFFalice:z\nbob:y\n", Encoding.UTF8.GetString(HtpasswdEdit.Replace(file, "alice", "z")!));
        Assert.Equal("bob:y\n", Encoding.UTF8.GetString(HtpasswdEdit.Remove(file, "alice")!));
    }
}
