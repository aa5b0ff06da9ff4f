using System.IO.Compression;
using System.Text;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Audit;

namespace AuthIndex.TokenServer.Tests.Audit;

public sealed class AuditReaderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("audit-").FullName;
    private readonly List<string> warnings = [];

    private string Log => Path.Combine(folder, "audit.jsonl");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_log_is_searched_before_the_files_rotated_beside_it_and_these_newest_first()
    {
        foreach (var name in new[] { "audit.jsonl", "audit.jsonl.1", "audit.jsonl.2.gz", "audit.jsonl.10.gz", "audit.jsonl-20270131",
            "audit.jsonl-20270201.gz", "audit.jsonl.bak", "audit.jsonl.gz2", "other.jsonl", "xaudit.jsonl.1" })
        {
            Write(name, "");
        }

        Assert.Equal(
            ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2.gz", "audit.jsonl.10.gz", "audit.jsonl-20270201.gz", "audit.jsonl-20270131"],
            AuditFiles.Of(Log).Select(Path.GetFileName));
        Assert.Equal(8, AuditFiles.In(folder).Count);
        Assert.Empty(AuditFiles.Of(Path.Combine(folder, "nowhere", "audit.jsonl")));
    }

    [Theory]
    [InlineData("AM63PJQ2")]
    [InlineData(" am63pjq2")]
    public void A_decision_is_found_in_a_rotated_file_however_its_id_is_typed(string id)
    {
        Write("audit.jsonl", Entry("00000000", "bob"));
        Write("audit.jsonl.1", Entry("00000001", "bob"));
        Write("audit.jsonl.2.gz", Entry("00000002", "bob"), Entry("AM63PJQ2", "alice"));
        var found = Find(id);
        Assert.Equal("alice", found!.Entry.Account);
        Assert.Equal((Path.Combine(folder, "audit.jsonl.2.gz"), 2), (found.File, found.Line));
    }

    [Fact]
    public void Letters_that_look_like_digits_stand_for_them()
    {
        Write("audit.jsonl", Entry("01100000", "alice"));
        Assert.NotNull(Find("oil00000"));
    }

    [Fact]
    public void The_newest_of_two_decisions_of_one_id_is_found()
    {
        Write("audit.jsonl", Entry("AM63PJQ2", "older"), Entry("AM63PJQ2", "newer"));
        Write("audit.jsonl.1", Entry("AM63PJQ2", "oldest"));
        Assert.Equal("newer", Find("AM63PJQ2")!.Entry.Account);
    }

    [Fact]
    public void An_unreadable_line_is_passed_over_with_a_warning_that_names_it()
    {
        Write("audit.jsonl", "{\"time\":", "", "  \r", Entry("AM63PJQ2", "alice"), "[]");
        Assert.NotNull(Find("AM63PJQ2"));
        Assert.Equal(2, warnings.Count);
        Assert.StartsWith($"{Log}:1: the line is skipped: it is not JSON", warnings[0], StringComparison.Ordinal);
        Assert.Equal($"{Log}:5: the line is skipped: it is not a JSON object", warnings[1]);
    }

    [Fact]
    public void A_line_beyond_the_bound_is_passed_over_and_the_next_is_read()
    {
        Write(
            "audit.jsonl", new string('x', (3 * AuditLines.MaxLength) + 5), Entry("AM63PJQ2", "alice"),
            new string('y', AuditLines.MaxLength + 1));
        Assert.Equal(2, Find("AM63PJQ2")!.Line);
        Assert.Equal([1, 3], warnings.Select(w => int.Parse(w[(Log.Length + 1)..].Split(':')[0])));
        Assert.All(warnings, w => Assert.EndsWith("it is longer than 1048576 bytes", w, StringComparison.Ordinal));
    }

    [Fact]
    public void A_damaged_archive_is_read_as_far_as_it_goes_and_the_others_whole()
    {
        Write("audit.jsonl.1.gz", [.. Enumerable.Range(0, 5000).Select(i => Entry($"{i:00000000}", $"a{i}"))]);
        var file = Path.Combine(folder, "audit.jsonl.1.gz");
        var bytes = File.ReadAllBytes(file);
        bytes.AsSpan(bytes.Length / 2, 100).Fill(0xff);
        File.WriteAllBytes(file, bytes);
        Write("audit.jsonl.2", Entry("AM63PJQ2", "alice"));
        Assert.Equal("alice", Find("AM63PJQ2")!.Entry.Account);
        Assert.NotEmpty(warnings);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    public void Lines_are_the_same_however_the_stream_gives_its_bytes(int portion)
    {
        string[] texts = ["a", "", "bcd", new('x', 200_000), "e\r", "last"];
        var lines = new AuditLines(new SlowStream(Encoding.UTF8.GetBytes(string.Join('\n', texts)), portion));
        var found = new List<string>();
        while (lines.TryRead(out var line)) found.Add(Encoding.UTF8.GetString(line!.Value.Span));
        Assert.Equal(texts, found);
    }

    private AuditFinding? Find(string id) =>
        new AuditReader(p => warnings.Add(p.ToString())).Find(AuditFiles.Of(Log), id, TestContext.Current.CancellationToken);

    private static string Entry(string decision, string account) =>
        (AuditText.Sample with { Decision = decision, Account = account }).Line();

    private void Write(string name, params string[] lines)
    {
        using var file = File.Create(Path.Combine(folder, name));
        using Stream stream = name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        stream.Write(Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n"))));
    }

    private sealed class SlowStream(byte[] bytes, int portion) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, portion));
    }
}
