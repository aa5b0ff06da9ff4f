using System.Net;

namespace AuthIndex.TestKit;

/// <summary>A body whose second half comes when it is let.</summary>
public sealed class SlowBody(byte[] bytes) : HttpContent
{
    private readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource isLet = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>All of it.</summary>
    public byte[] Bytes => bytes;

    /// <summary>Ends when the first half is sent. With <c>Expect: 100-continue</c> the server has then asked for it.</summary>
    public Task Begun => begun.Task;

    /// <summary>Lets the second half go.</summary>
    public void GoOn() => isLet.SetResult();

    /// <inheritdoc/>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.WriteAsync(bytes.AsMemory(0, bytes.Length / 2));
        await stream.FlushAsync();
        begun.SetResult();
        await isLet.Task;
        await stream.WriteAsync(bytes.AsMemory(bytes.Length / 2));
    }

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = bytes.Length;
        return true;
    }
}
