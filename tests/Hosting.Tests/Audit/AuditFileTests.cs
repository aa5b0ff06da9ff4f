using System.Globalization;
using System.Text;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.Hosting.Tests.Audit;

public sealed class AuditFileTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero));

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_that_is_too_large_or_too_old_is_put_aside_and_only_so_many_are_kept()
    {
        using var file = Open(new AuditRotation { MaxSize = new ByteSize(115), MaxAge = TimeSpan.FromHours(1), Keep = 2 });
        for (var i = 0; i < 4; i++) file.Append(Line($"{i}"));
        Assert.Equal("0 1 2", Numbers("audit.jsonl.1"));
        Assert.Equal("3", Numbers("audit.jsonl"));
        clock.Advance(TimeSpan.FromHours(1));
        file.Append(Line("4"));
        Assert.Equal("0 1 2", Numbers("audit.jsonl.2"));
        Assert.Equal("3", Numbers("audit.jsonl.1"));
        clock.Advance(TimeSpan.FromHours(1));
        file.Append(Line("5"));
        Assert.Equal(("5", "4", "3"), (Numbers("audit.jsonl"), Numbers("audit.jsonl.1"), Numbers("audit.jsonl.2")));
        Assert.False(File.Exists(folder["audit.jsonl.3"]));
    }

    [Theory]
    [InlineData(7, AuditRotation.LeastFree, "0 1 2 3 4 5")]
    [InlineData(7, AuditRotation.LeastFree - 1, "3 4 5")] // a full disk is worse
    [InlineData(0, AuditRotation.LeastFree, "3 4 5")]
    public void A_file_is_not_pushed_out_before_its_time_while_there_is_room(int days, long free, string kept)
    {
        var rotation = new AuditRotation { MaxSize = new ByteSize(1), Keep = 2, KeepFor = TimeSpan.FromDays(days) };
        using (var file = new AuditFile(folder["audit.jsonl"], rotation, TimeProvider.System, _ => free))
        {
            for (var i = 0; i < 6; i++) file.Append(Line($"{i}"));
        }

        Assert.Equal(kept, All());
        if (days == 0) return;
        foreach (var name in Directory.GetFiles(folder.Path)) File.SetLastWriteTimeUtc(name, DateTime.UtcNow.AddDays(-days));
        using (var file = new AuditFile(folder["audit.jsonl"], rotation, TimeProvider.System, _ => free)) file.Append(Line("6"));
        Assert.Equal("4 5 6", All());

        string All() => string.Join(
            ' ', Directory.GetFiles(folder.Path).SelectMany(f => Numbers(Path.GetFileName(f)).Split(' ')).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_age_is_that_of_the_first_line_also_after_a_restart()
    {
        var rotation = new AuditRotation { MaxAge = TimeSpan.FromHours(1) };
        using (var file = Open(rotation)) file.Append(Line("0"));
        clock.Advance(TimeSpan.FromMinutes(50));
        using (var file = Open(rotation)) file.Append(Line("1"));
        clock.Advance(TimeSpan.FromMinutes(10));
        using (var file = Open(rotation)) file.Append(Line("2"));
        Assert.Equal(("2", "0 1"), (Numbers("audit.jsonl"), Numbers("audit.jsonl.1")));
    }

    [Fact]
    public void A_rest_of_a_line_that_a_crash_left_takes_no_other_with_it()
    {
        File.WriteAllText(folder["audit.jsonl"], "{\"time\":\"2030-01");
        using var file = Open(new AuditRotation());
        file.Append(Line("0"));
        Assert.Equal(2, File.ReadAllLines(folder["audit.jsonl"]).Length);
    }

    [Fact]
    public async Task Any_number_of_writers_lose_nothing_also_while_the_file_is_put_aside()
    {
        var rotation = new AuditRotation { MaxSize = new ByteSize(2000), Keep = 1000 };
        await Task.WhenAll(Enumerable.Range(0, 8).Select(w => Task.Factory.StartNew(
            () =>
            {
                using var file = Open(rotation);
                for (var i = 0; i < 50; i++) file.Append(Line($"{w}-{i}"));
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        var all = Directory.GetFiles(folder.Path).SelectMany(File.ReadAllLines).ToList();
        Assert.Equal(400, all.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(400, all.Count);
    }

    [Fact]
    public void A_file_that_cannot_be_put_aside_is_written_all_the_same()
    {
        using var file = Open(new AuditRotation { MaxSize = new ByteSize(50) });
        file.Append(Line("0"));
        Directory.CreateDirectory(folder["audit.jsonl.1"]);
        File.WriteAllText(Path.Combine(folder["audit.jsonl.1"], "content"), "");
        Directory.CreateDirectory(folder["audit.jsonl.2"]);
        File.WriteAllText(Path.Combine(folder["audit.jsonl.2"], "content"), "");
        file.Append(Line("1"));
        Assert.NotNull(file.RotationProblem);
        Assert.Equal("0 1", Numbers("audit.jsonl"));
    }

    private AuditFile Open(AuditRotation rotation) => new(folder["audit.jsonl"], rotation, clock);

    private byte[] Line(string number) =>
        Encoding.UTF8.GetBytes(
            $$"""{"time":"{{clock.GetUtcNow().ToString(AuditFile.TimeFormat, CultureInfo.InvariantCulture)}}"}{{number}}""" + "\n");

    private string Numbers(string name) =>
        string.Join(' ', File.ReadAllLines(folder[name]).Select(l => l[(l.IndexOf('}', StringComparison.Ordinal) + 1)..]));
}
