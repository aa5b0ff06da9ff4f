using System.IO.Pipelines;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Files;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Files;

public sealed class FileSenderTests : IDisposable
{
    private const int Size = 1024 * 1024;

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Clients_that_do_not_read_hold_little_memory_when_they_are_many()
    {
        var path = folder["blob"];
        await File.WriteAllBytesAsync(path, Content.Random(Size).Bytes, TestContext.Current.CancellationToken);
        using var file = File.OpenHandle(path);
        var stuck = Enumerable.Range(0, FileSender.MaxLarge * 4).Select(_ => new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1))).ToList();
        var sends = stuck.ConvertAll(p => FileSender.SendAsync(p.Writer, file, new ByteRange(0, Size - 1), CancellationToken.None));
        Assert.DoesNotContain(sends, s => s.IsCompleted);

        var held = new List<long>();
        foreach (var pipe in stuck)
        {
            var read = await pipe.Reader.ReadAsync(TestContext.Current.CancellationToken);
            held.Add(read.Buffer.Length);
            pipe.Reader.AdvanceTo(read.Buffer.Start);
        }

        Assert.InRange(held.Max(), 1, 256 * 1024);
        Assert.All(held.Skip(FileSender.MaxLarge), length => Assert.InRange(length, 1, 4096));

        // And each gets all of it once it reads.
        var blob = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        foreach (var pipe in (Pipe[])[stuck[0], stuck[^1]])
        {
            using var received = new MemoryStream();
            var copy = pipe.Reader.CopyToAsync(received, TestContext.Current.CancellationToken);
            await sends[stuck.IndexOf(pipe)];
            await pipe.Writer.CompleteAsync();
            await copy;
            Assert.Equal(blob, received.ToArray());
        }

        foreach (var pipe in stuck) await pipe.Reader.CompleteAsync();
        await Task.WhenAll(sends);
    }
}
